// One request and its answer over a libcurl easy handle (libcurl-easy(3)): all of the callbacks' unsafe code.

import CCurl
import Foundation
import LinuxSystem

/// What is sent along with a request.
enum RequestBody: Sendable {
    case none
    case bytes(Data)
    /// `count` bytes of a file, from `offset` on. The path is for messages.
    case file(SharedDescriptor, path: String, offset: Int64, count: Int64)
}

struct Request: Sendable {
    enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
    }

    var method: Method
    var address: Address
    /// Sent to every server the request is redirected to.
    var fields: [(name: String, value: String)] = []
    /// The value of `Authorization`: sent to the origin of the first address only.
    var authorization: String?
    var body = RequestBody.none
    /// Told how many bytes of a file have been taken so far.
    var progress: (@Sendable (Int64) -> Void)?
}

/// An answer's head, and those bytes of its body that were kept.
struct Response: Sendable {
    var status = 0
    /// In order; names in lower case.
    var fields: [(name: String, value: String)] = []
    var content = Data()
    /// Who gave it, after redirections.
    var address: Address

    func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
    /// The last value of a field.
    subscript(name: String) -> String? { fields.last { $0.name == name }?.value }
    var isSuccess: Bool { (200..<300).contains(status) }
    /// Bytes of the whole body, where the server says so.
    var length: Int64? { self["content-length"].flatMap { Int64($0) } }
}

/// What happens to the body of an answer that is a success. Of any other, the first bytes are kept.
enum Reception {
    /// All of it is kept; more than `limit` bytes are an error.
    case kept(limit: Int)
    /// Given on piece by piece with the head it came with; what is thrown ends the transfer.
    case streamed((Response, UnsafeRawBufferPointer) throws -> Void)
}

/// Why there is no answer, or no whole one.
enum TransferFailure: Error {
    /// What libcurl gave up with (libcurl-errors(3)).
    case curl(CURLcode, String)
    case tooLarge(limit: Int)
    /// Field lines without end.
    case longHead
    /// Reading the file that was to be sent.
    case file(path: String, Errno)
    /// What the receiver of a stream has thrown.
    case receiver(any Error)
}

/// What a connection is made with.
struct ConnectionSettings: Sendable {
    var insecure: Bool
    var trust: ServerTrust
    var bundle: String?
    var bundleFolder: String?
    /// Empty for none.
    var proxy: String
    var noProxy: String
    var connectLimit: Int
    var stallLimit: Int
    /// Seconds for the whole exchange; nil for as long as bytes come.
    var wholeLimit: Int?
}

/// A libcurl easy handle with the connections it keeps open. Used by one thread at a time: whoever took it from the
/// pool.
final class EasyHandle: @unchecked Sendable {
    private let handle: UnsafeMutableRawPointer

    private static let initialized: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init() {
        precondition(Self.initialized, "libcurl can't be initialized")
        guard let handle = curl_easy_init() else { preconditionFailure("no memory") }
        self.handle = handle
    }

    deinit { curl_easy_cleanup(handle) }

    /// Makes one exchange; redirections are not followed.
    func perform(
        _ request: Request, _ settings: ConnectionSettings, _ reception: Reception
    ) throws(TransferFailure) -> Response {
        // Connections stay open; options go.
        curl_easy_reset(handle)
        var message = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
        return try message.withUnsafeMutableBufferPointer { message throws(TransferFailure) in
            let transfer = Transfer(request, reception)
            return try withExtendedLifetime(transfer) { () throws(TransferFailure) -> Response in
                let lines = fieldLines(request)
                sb_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message.baseAddress)
                defer {
                    sb_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, nil)
                    curl_slist_free_all(lines)
                }
                sb_curl_set_pointer(handle, CURLOPT_HTTPHEADER, lines)
                connect(settings, to: request.address)
                exchange(request, transfer)
                let code = curl_easy_perform(handle)
                if let failure = transfer.failure { throw failure }
                if code == CURLE_OK || transfer.isComplete { return transfer.response }
                let detail = message.baseAddress.map { String(cString: $0) } ?? ""
                let reason = detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
                throw .curl(
                    code, settings.proxy.isEmpty ? reason : reason.replacingOccurrences(of: settings.proxy, with: "…"))
            }
        }
    }

    private func set(_ option: CURLoption, _ value: Int) { sb_curl_set_number(handle, option, value) }

    private func set(_ option: CURLoption, _ value: String) {
        sb_curl_set_text(handle, option, value)
    }

    private func fieldLines(_ request: Request) -> UnsafeMutablePointer<curl_slist>? {
        var lines = request.fields.map { "\($0.name): \($0.value)" }
        if let authorization = request.authorization { lines.append("Authorization: \(authorization)") }
        // Fields that libcurl would add by itself; waiting for a 100 answer costs a second where none comes.
        for name in ["Expect", "Content-Type"] where !request.fields.contains(where: { $0.name == name }) {
            lines.append("\(name):")
        }
        return lines.reduce(nil as UnsafeMutablePointer<curl_slist>?) { curl_slist_append($0, $1) }
    }

    /// Who is connected to, how, and whom this side believes.
    private func connect(_ settings: ConnectionSettings, to address: Address) {
        set(CURLOPT_URL, address.text)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_USERAGENT, "sandbox/0.1.0")
        // One blob a connection: over TLS on loopback HTTP/2 took twice as long (1 GB: 2.2 s, and 1.0 s with 1.1).
        set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        set(CURLOPT_BUFFERSIZE, 256 << 10)
        set(CURLOPT_UPLOAD_BUFFERSIZE, 512 << 10)
        set(CURLOPT_CONNECTTIMEOUT_MS, settings.connectLimit)
        set(CURLOPT_LOW_SPEED_LIMIT, 1)
        set(CURLOPT_LOW_SPEED_TIME, settings.stallLimit)
        if let limit = settings.wholeLimit { set(CURLOPT_TIMEOUT, limit) }
        // Said always: libcurl would else ask this process's own environment.
        set(CURLOPT_PROXY, settings.proxy)
        set(CURLOPT_NOPROXY, settings.noProxy)
        guard address.isEncrypted else { return }
        if settings.insecure {
            set(CURLOPT_SSL_VERIFYPEER, 0)
            set(CURLOPT_SSL_VERIFYHOST, 0)
        }
        if let bundle = settings.bundle { set(CURLOPT_CAINFO, bundle) }
        if let folder = settings.bundleFolder { set(CURLOPT_CAPATH, folder) }
        settings.trust.authorities?.withUnsafeBytes {
            _ = sb_curl_set_bytes(handle, CURLOPT_CAINFO_BLOB, $0.baseAddress, $0.count)
        }
        if let certificate = settings.trust.certificate, let key = settings.trust.key {
            set(CURLOPT_SSLCERT, certificate)
            set(CURLOPT_SSLKEY, key)
        }
    }

    /// What is sent, and where the answer goes.
    private func exchange(_ request: Request, _ transfer: Transfer) {
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        sb_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        sb_curl_set_data_function(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            Transfer.of(context).takeField(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        sb_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        sb_curl_set_data_function(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            Transfer.of(context).takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        switch (request.method, request.body) {
        case (.get, _): set(CURLOPT_HTTPGET, 1)
        case (.head, _): set(CURLOPT_NOBODY, 1)
        case (_, .file(_, _, _, let count)):
            set(CURLOPT_UPLOAD, 1)
            sb_curl_set_size(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(count))
            sb_curl_set_pointer(handle, CURLOPT_READDATA, context)
            sb_curl_set_data_function(handle, CURLOPT_READFUNCTION) { bytes, size, count, context in
                Transfer.of(context).giveBody(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
            }
            sb_curl_set_pointer(handle, CURLOPT_SEEKDATA, context)
            sb_curl_set_seek_function(handle) { context, offset, origin in
                Transfer.of(context).seek(Int64(offset), origin)
            }
            set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        case (_, .bytes(let bytes)): send(bytes, request.method)
        case (_, .none): send(Data(), request.method)
        }
    }

    private func send(_ bytes: Data, _ method: Request.Method) {
        sb_curl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count))
        bytes.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) -> Void in
            // An empty body has no address; any other will do for it.
            let start = bytes.baseAddress ?? UnsafeRawPointer(handle)
            sb_curl_set_text(handle, CURLOPT_COPYPOSTFIELDS, start.assumingMemoryBound(to: CChar.self))
        }
        set(CURLOPT_CUSTOMREQUEST, method.rawValue)
    }
}

/// One exchange while it lasts, as libcurl's callbacks see it.
private final class Transfer {
    var response: Response
    var failure: TransferFailure?
    /// What is still to come is not wanted: the end that libcurl reports as an error is none.
    private(set) var isComplete = false

    private let request: Request
    private let reception: Reception
    private var sent: Int64 = 0
    private var headBytes = 0

    /// The most bytes of a head, and of the body of an answer that is no success.
    private static let headLimit = 256 << 10
    private static let reasonLimit = 16 << 10

    init(_ request: Request, _ reception: Reception) {
        response = Response(address: request.address)
        self.request = request
        self.reception = reception
    }

    static func of(_ context: UnsafeMutableRawPointer?) -> Transfer {
        guard let context else { preconditionFailure("a callback without its context") }
        return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    /// One line of a head: CURLOPT_HEADERFUNCTION(3).
    func takeField(_ bytes: UnsafeRawBufferPointer) -> Int {
        headBytes += bytes.count
        if headBytes > Self.headLimit {
            failure = .longHead
            return 0
        }
        let line = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        if line.hasPrefix("HTTP/") {
            // The head before it was provisional, or a proxy's.
            response.fields = []
            response.status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        } else if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            response.fields.append((line[..<colon].lowercased(), value))
        }
        return bytes.count
    }

    /// A piece of the body: CURLOPT_WRITEFUNCTION(3). Any answer but the count ends the transfer.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard response.isSuccess else {
            response.content.append(contentsOf: bytes.prefix(Self.reasonLimit - response.content.count))
            isComplete = response.content.count >= Self.reasonLimit
            return isComplete ? 0 : bytes.count
        }
        switch reception {
        case .kept(let limit):
            if response.content.count + bytes.count > limit || (response.length ?? 0) > Int64(limit) {
                failure = .tooLarge(limit: limit)
                return 0
            }
            response.content.append(contentsOf: bytes)
        case .streamed(let receive):
            do { try receive(response, bytes) } catch {
                failure = .receiver(error)
                return 0
            }
        }
        return bytes.count
    }

    /// A piece of what is sent: CURLOPT_READFUNCTION(3).
    func giveBody(_ room: UnsafeMutableRawBufferPointer) -> Int {
        guard case .file(let file, let path, let offset, let count) = request.body else { return 0 }
        let wanted = UnsafeMutableRawBufferPointer(rebasing: room.prefix(Int(min(Int64(room.count), count - sent))))
        do throws(Errno) {
            let got = wanted.isEmpty ? 0 : try file.descriptor.read(into: wanted, at: offset + sent)
            // A file that has become shorter would let the server wait for the rest.
            if got == 0, !wanted.isEmpty { throw Errno.noData }
            sent += Int64(got)
            request.progress?(sent)
            return got
        } catch {
            failure = .file(path: path, error)
            return Int(CURL_READFUNC_ABORT)
        }
    }

    /// CURLOPT_SEEKFUNCTION(3): a kept connection turned out to be closed, and all is sent again on a new one.
    func seek(_ offset: Int64, _ origin: Int32) -> Int32 {
        guard origin == SEEK_SET else { return Int32(CURL_SEEKFUNC_CANTSEEK) }
        sent = offset
        return Int32(CURL_SEEKFUNC_OK)
    }
}
