// toml++ behind a plain C interface: the tree is walked once, into a list of events.

#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>
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

// What follows an unescaped quote at `at`: the place behind the string. Strings of one line end with it, as an error.
size_t behind_string(std::string_view text, size_t at, unsigned &line, size_t &line_start) {
    const char quote = text[at];
    const bool is_long = text.substr(at, 3) == std::string(3, quote);
    size_t next = at + (is_long ? 3 : 1);
    while (next < text.size()) {
        const char c = text[next];
        if (c == '\n') {
            if (!is_long) return next;
            line += 1;
            line_start = next + 1;
        }
        if (c == '\\' && quote == '"') {
            // A line break behind it is counted in its turn.
            next += next + 1 < text.size() && text[next + 1] != '\n' ? 2 : 1;
        } else if (c != quote) {
            next += 1;
        } else if (!is_long) {
            return next + 1;
        } else if (text.substr(next, 3) == std::string(3, quote)) {
            next += 3;
            // Up to two quotes more are the string's own end.
            for (int more = 0; more < 2 && next < text.size() && text[next] == quote; more += 1) next += 1;
            return next;
        } else {
            next += 1;
        }
    }
    return next;
}

// The library makes a table for each part of a key and walks them by calling itself: what is nested too deep would take
// the stack. Looked for before anything is made.
bool is_too_deep(std::string_view text, toml::source_position &place) {
    unsigned line = 1;
    size_t line_start = 0, next = 0;
    int parts = 1, depth = 0;
    while (next < text.size()) {
        const size_t at = next++;
        switch (text[at]) {
        case '\n':
            line += 1;
            line_start = next;
            parts = 1;
            break;
        case '#':
            next = std::min(text.find('\n', at), text.size());
            break;
        case '"':
        case '\'':
            next = behind_string(text, at, line, line_start);
            break;
        case '[':
        case '{':
            depth += 1;
            parts = 1;
            break;
        case ']':
        case '}':
            depth = std::max(0, depth - 1);
            parts = 1;
            break;
        case '=':
        case ',':
            parts = 1;
            break;
        case '.':
            parts += 1;
            break;
        }
        if (parts > CTOML_MOST_PARTS || depth > CTOML_MOST_DEPTH) {
            place.line = line;
            place.column = static_cast<toml::source_index>(at - line_start + 1);
            return true;
        }
    }
    return false;
}

}  // namespace

ctoml_document *ctoml_parse(const char *text, size_t length) {
    auto *document = new ctoml_document;
    if (is_too_deep(std::string_view(text, length), document->place)) {
        document->failed = true;
        document->message = "a key of more than " + std::to_string(CTOML_MOST_PARTS) + " parts, or values nested more than " +
                            std::to_string(CTOML_MOST_DEPTH) + " deep";
        return document;
    }
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
