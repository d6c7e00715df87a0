// An image in a registry, read.

public import Foundation
public import ImageFormat
public import SandboxPolicy
import Synchronization

/// OCI distribution specification, "Pulling manifests" and "Pulling blobs". The places it may be in are tried in order;
/// the first one that has its manifest gives all the rest.
public final class RemoteImage: ImageSource {
    private let reference: ImageReference
    private let candidates: [RegistryClient]
    private let chosen = Mutex<RegistryClient?>(nil)

    /// Asks nothing of any registry yet.
    /// - Parameters:
    ///   - word: the name as the user wrote it; see `RegistryConfiguration.candidates`.
    ///   - events: called from the threads that copy, once for each piece of a few KiB.
    /// - Throws: `blocked`, `ambiguous`.
    public init(
        _ reference: ImageReference, written word: String? = nil, configuration: RegistryConfiguration,
        policy: TransferPolicy = TransferPolicy(), events: @escaping RegistryEvents = { _ in }
    ) throws(RegistryError) {
        self.reference = reference
        let transport = Transport(configuration, policy)
        let endpoints = try configuration.candidates(for: reference, written: word)
        candidates = endpoints.enumerated().map { index, endpoint in
            var policy = policy
            // Where there is another place to go, no long wait for this one.
            if index < endpoints.count - 1 { policy.retries = min(policy.retries, 1) }
            return RegistryClient(
                endpoint, image: reference.description, actions: "pull", configuration: configuration,
                transport: transport, policy: policy, events: events)
        }
    }

    /// Where the image was found; nil until something has been asked.
    public var endpoint: RegistryEndpoint? { chosen.withLock { $0?.endpoint } }

    public func root() throws -> (bytes: Data, mediaType: String?) {
        let response = try first { client throws(RegistryError) in try client.manifest(of: reference, .get) }
        return (response.content, response["content-type"])
    }

    /// The digest of the document that `root` would give, without its bytes; nil where the registry does not name it.
    /// - Throws: `RegistryError`.
    public func digest() throws(RegistryError) -> Digest? {
        let response = try first { client throws(RegistryError) in try client.manifest(of: reference, .head) }
        return response["docker-content-digest"].flatMap { Digest($0) }
    }

    public func document(_ descriptor: BlobDescriptor) throws -> Data { try client().document(descriptor) }

    public func copy(_ blob: BlobDescriptor, to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        try client().copy(blob, to: sink)
    }

    private func client() throws(RegistryError) -> RegistryClient {
        if let known = chosen.withLock({ $0 }) { return known }
        _ = try digest()
        guard let found = chosen.withLock({ $0 }) else { preconditionFailure("a digest came from nowhere") }
        return found
    }

    /// What the first of the places gives that gives anything; the same place from then on.
    private func first(
        _ ask: (RegistryClient) throws(RegistryError) -> Response
    ) throws(RegistryError) -> Response {
        if let known = chosen.withLock({ $0 }) { return try ask(known) }
        var errors: [RegistryError] = []
        for client in candidates {
            do throws(RegistryError) {
                let response = try ask(client)
                chosen.withLock { $0 = client }
                return response
            } catch { errors.append(error) }
        }
        throw errors.count == 1 ? errors[0] : .nowhere(image: reference.description, errors)
    }
}

extension RegistryClient {
    /// The manifest or index that the reference names, or only what comes before its bytes.
    func manifest(of reference: ImageReference, _ method: Request.Method) throws(RegistryError) -> Response {
        let name = reference.digest?.description ?? reference.tag ?? "latest"
        var call = Call(method, "manifests/\(name)")
        call.fields = [("Accept", MediaType.wanted.map(\.rawValue).joined(separator: ", "))]
        let response = try send(call, .kept(limit: ImageDocument.limit))
        if let wanted = reference.digest, let named = response["docker-content-digest"], named != wanted.description {
            throw .wrongDigest(image: image, host: response.address.server, named: named)
        }
        return response
    }

    /// A document by its digest; configs are kept as blobs are.
    func document(_ descriptor: BlobDescriptor) throws(RegistryError) -> Data {
        let isBlob = descriptor.type?.isConfig ?? true
        var call = Call(.get, "\(isBlob ? "blobs" : "manifests")/\(descriptor.digest)")
        if !isBlob { call.fields = [("Accept", MediaType.wanted.map(\.rawValue).joined(separator: ", "))] }
        let size = max(descriptor.size, 0)
        let limit = size > Int64(ImageDocument.limit) ? ImageDocument.limit : Int(size)
        do throws(RegistryError) { return try send(call, .kept(limit: limit)).content } catch {
            guard case .tooLarge(_, let host, _) = error, size <= Int64(ImageDocument.limit) else { throw error }
            throw .blobTooLong(descriptor.digest, size: size, host: host)
        }
    }

    /// All bytes of a blob, in order and each once, over as many connections as it takes.
    /// - Throws: `RegistryError`, or what `sink` throws.
    func copy(_ blob: BlobDescriptor, to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        var download = Download(blob: blob)
        var retries = Retries(policy, events)
        while true {
            let before = download.handed
            do throws(AttemptFailure) { return try attempt(&download, sink) } catch {
                if download.handed > before { retries.reset() }
                if case .receiver(let thrown) = error {
                    if let own = thrown as? Download.Stop { throw own.error }
                    throw thrown
                }
                try retries.wait(after: error)
            }
        }
    }

    private func attempt(
        _ download: inout Download, _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws(AttemptFailure) {
        let blob = download.blob
        var call = Call(.get, "blobs/\(blob.digest)")
        if download.handed > 0 {
            call.fields = [("Range", "bytes=\(download.handed)-")]
            call.allowed = [416]
        }
        var state = download
        defer { download = state }
        let events = events
        let response = try withoutActuallyEscaping(sink) { sink throws(AttemptFailure) in
            state.isAtStart = true
            return try withUnsafeMutablePointer(to: &state) { state throws(AttemptFailure) in
                try attempt(
                    call,
                    .streamed { head, bytes in
                        let rest = try state.pointee.take(head, bytes)
                        if rest.isEmpty { return }
                        try sink(rest)
                        state.pointee.handed += Int64(rest.count)
                        events(.progress(blob.digest, state.pointee.handed))
                    })
            }
        }
        if state.handed == blob.size { return }
        let short = RegistryError.blobTooShort(
            blob.digest, got: state.handed, size: blob.size, host: response.address.server)
        // 416: there is nothing behind what has come.
        if response.status == 416 { throw .final(short) }
        throw .passing(short, after: nil)
    }
}

/// How far a blob has come.
private struct Download {
    let blob: BlobDescriptor
    /// Bytes handed on.
    var handed: Int64 = 0
    /// No byte of this answer has been seen yet.
    var isAtStart = true
    /// Bytes of this answer that are still to be passed over: they were handed on earlier.
    private var skip: Int64 = 0

    init(blob: BlobDescriptor) { self.blob = blob }

    /// Thrown where an answer is not what was asked for.
    struct Stop: Error {
        let error: RegistryError
    }

    /// What of a piece is to be handed on.
    /// - Throws: `Stop` with `blobTooLong` or `badAnswer`.
    mutating func take(_ head: Response, _ bytes: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer {
        let host = head.address.server
        if isAtStart {
            isAtStart = false
            let start = try start(head, host)
            skip = handed - start
            if let length = head.length, length > blob.size - start { throw tooLong(host) }
        }
        let passed = Int(min(skip, Int64(bytes.count)))
        skip -= Int64(passed)
        let rest = UnsafeRawBufferPointer(rebasing: bytes[passed...])
        if Int64(rest.count) > blob.size - handed { throw tooLong(host) }
        return rest
    }

    private func tooLong(_ host: String) -> Stop {
        Stop(error: .blobTooLong(blob.digest, size: blob.size, host: host))
    }

    /// Which byte of the blob an answer begins with (RFC 9110, section 14.4).
    private func start(_ head: Response, _ host: String) throws -> Int64 {
        // A server that knows no ranges sends all of it again.
        if head.status != 206 { return 0 }
        let range = head["content-range"] ?? ""
        guard range.hasPrefix("bytes "), let first = range.dropFirst(6).split(separator: "-").first,
            let start = Int64(first), start >= 0, start <= handed
        else {
            throw Stop(error: .badAnswer(host: host, "it sends another range than was asked for"))
        }
        return start
    }
}
