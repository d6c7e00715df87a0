// toml++ behind a plain C interface: the tree is walked once, into a list of events.

#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <string>
#include <string_view>
#include <vector>

#include "CToml.h"

struct ctoml_document {
    // Keys and strings of the events point into the tree.
    toml::table root;
    std::vector<ctoml_event> events;
    bool failed = false;
    std::string message;
    toml::source_position place{};
};

namespace {

void append(ctoml_document &document, std::string_view key, toml::source_position place, const toml::node &node);

ctoml_event event(ctoml_kind kind, std::string_view key, toml::source_position place) {
    ctoml_event made{};
    made.kind = kind;
    made.key = key.data();
    made.key_length = key.size();
    made.line = static_cast<uint32_t>(place.line);
    made.column = static_cast<uint32_t>(place.column);
    return made;
}

void append_entries(ctoml_document &document, const toml::table &table) {
    for (const auto &[key, value] : table) append(document, key.str(), key.source().begin, value);
}

void append(ctoml_document &document, std::string_view key, toml::source_position place, const toml::node &node) {
    if (const auto *table = node.as_table()) {
        document.events.push_back(event(ctoml_table, key, place));
        append_entries(document, *table);
        document.events.push_back(event(ctoml_end, {}, place));
    } else if (const auto *array = node.as_array()) {
        document.events.push_back(event(ctoml_array, key, place));
        for (const auto &element : *array) append(document, {}, element.source().begin, element);
        document.events.push_back(event(ctoml_end, {}, place));
    } else if (const auto *string = node.as_string()) {
        auto made = event(ctoml_string, key, place);
        made.text = string->get().data();
        made.text_length = string->get().size();
        document.events.push_back(made);
    } else if (const auto *integer = node.as_integer()) {
        auto made = event(ctoml_integer, key, place);
        made.number = integer->get();
        document.events.push_back(made);
    } else if (const auto *boolean = node.as_boolean()) {
        auto made = event(ctoml_boolean, key, place);
        made.number = boolean->get() ? 1 : 0;
        document.events.push_back(made);
    } else {
        document.events.push_back(event(ctoml_other, key, place));
    }
}

}  // namespace

ctoml_document *ctoml_parse(const char *text, size_t length) {
    auto *document = new ctoml_document;
    auto result = toml::parse(std::string_view(text, length));
    if (!result) {
        document->failed = true;
        document->message = std::string(result.error().description());
        document->place = result.error().source().begin;
        return document;
    }
    document->root = std::move(result).table();
    append_entries(*document, document->root);
    return document;
}

void ctoml_free(ctoml_document *document) { delete document; }

const char *ctoml_error(const ctoml_document *document, uint32_t *line, uint32_t *column) {
    if (!document->failed) return nullptr;
    *line = static_cast<uint32_t>(document->place.line);
    *column = static_cast<uint32_t>(document->place.column);
    return document->message.c_str();
}

size_t ctoml_count(const ctoml_document *document) { return document->events.size(); }

ctoml_event ctoml_at(const ctoml_document *document, size_t index) { return document->events[index]; }
