// An image in a registry, written.

public import Foundation
public import ImageFormat
import LinuxSystem
public import SandboxPolicy

/// OCI distribution specification, "Pushing blobs" and "Pushing manifests". Used by one thread.
public final class RemoteDestination: ImageDestination {
    private let reference: ImageReference
    private let client: RegistryClient
    private var done: Set<Digest> = []

    /// Asks nothing of the registry yet.
    /// - Parameters:
    ///   - reference: names the repository, and the tag where `finish` is not given one.
    ///   - events: called while blobs are sent.
    /// - Throws: `blocked`.
    public init(
        _ reference: ImageReference, configuration: RegistryConfiguration,
        policy: TransferPolicy = TransferPolicy(), events: @escaping RegistryEvents = { _ in }
    ) throws(RegistryError) {
        self.reference = reference
        client = RegistryClient(
            try configuration.destination(for: reference), image: reference.description, actions: "pull,push",
            configuration: configuration, transport: Transport(configuration, policy), policy: policy, events: events)
    }

    /// Where the image goes to.
    public var endpoint: RegistryEndpoint { client.endpoint }

    public func add(_ blob: BlobDescriptor, at path: String) throws {
        if done.contains(blob.digest) { return }
        if try client.has(blob) {
            client.events(.present(blob.digest))
        } else {
            try client.upload(blob, at: path)
        }
        done.insert(blob.digest)
    }

    /// - Parameter reference: whose tag the image gets; its name is not looked at, as the repository is settled.
    public func finish(_ manifest: BlobDescriptor, _ bytes: Data, as reference: ImageReference?) throws {
        let tag = reference?.tag ?? self.reference.tag
        try client.put(manifest, bytes, named: tag ?? manifest.digest.description)
    }
}

extension RegistryClient {
    /// Whether the registry has the blob, whole.
    func has(_ blob: BlobDescriptor) throws(RegistryError) -> Bool {
        var call = Call(.head, "blobs/\(blob.digest)")
        call.allowed = [404]
        let response = try send(call)
        return response.isSuccess && (response.length ?? blob.size) == blob.size
    }

    /// Sends a blob, as often as it takes.
    /// - Parameter inPieces: not tried as a whole first.
    func upload(_ blob: BlobDescriptor, at path: String, inPieces: Bool = false) throws(RegistryError) {
        let file: SharedDescriptor
        do throws(Errno) {
            guard let opened = try Descriptor.openRegular(path) else { throw .notRegular }
            file = SharedDescriptor(opened)
            if try file.descriptor.status().size != blob.size { throw .invalid }
        } catch {
            throw error == .invalid
                ? .changedBlob(path: path, size: blob.size) : .unreadableBlob(path: path, error)
        }
        var upload = Upload(blob: blob, path: path, file: file, inPieces: inPieces)
        var retries = Retries(policy, events)
        while true {
            do throws(AttemptFailure) { return try attempt(&upload) } catch { try retries.wait(after: error) }
        }
    }

    private func attempt(_ upload: inout Upload) throws(AttemptFailure) {
        var started = try attempt(Call(.post, "blobs/uploads/"), .kept(limit: 64 << 10))
        var place = try location(started)
        if !upload.inPieces {
            let response = try put(upload, offset: 0, at: place)
            // Some servers, or what stands before them, take no more than so much at once.
            guard response.status == 413, upload.blob.size > policy.chunk else { return try check(response, upload) }
            upload.inPieces = true
            started = try attempt(Call(.post, "blobs/uploads/"), .kept(limit: 64 << 10))
            place = try location(started)
        }
        // What a registry wants at least in each piece but the last.
        let chunk = max(policy.chunk, started["oci-chunk-min-length"].flatMap { Int64($0) } ?? 0)
        var offset: Int64 = 0
        while offset < upload.blob.size {
            let count = min(chunk, upload.blob.size - offset)
            var call = upload.call(.patch, place, offset: offset, count: count, events)
            call.fields.append(("Content-Range", "\(offset)-\(offset + count - 1)"))
            let response = try known(try attempt(call, .kept(limit: 64 << 10)))
            offset += count
            place = response["location"] == nil ? place : try location(response)
        }
        try check(try put(upload, offset: offset, at: place), upload)
    }

    /// Ends an upload with the bytes from `offset` on (OCI distribution specification, "POST then PUT").
    private func put(_ upload: Upload, offset: Int64, at place: Address) throws(AttemptFailure) -> Response {
        guard let address = place.adding([("digest", upload.blob.digest.description)]) else {
            throw .final(.badAnswer(host: endpoint.server, "its upload takes no digest"))
        }
        let count = upload.blob.size - offset
        var call = upload.call(.put, address, offset: offset, count: count, events)
        call.allowed.insert(413)
        return try known(try attempt(call, .kept(limit: 64 << 10)))
    }

    /// An upload that the registry has forgotten is begun anew.
    private func known(_ response: Response) throws(AttemptFailure) -> Response {
        if response.status != 404 { return response }
        throw .passing(
            .refused(image: image, host: response.address.server, status: 404, said: said(response)), after: nil)
    }

    private func check(_ response: Response, _ upload: Upload) throws(AttemptFailure) {
        if response.status == 413 {
            throw .final(.refused(image: image, host: response.address.server, status: 413, said: said(response)))
        }
        if let named = response["docker-content-digest"], named != upload.blob.digest.description {
            throw .final(.wrongDigest(image: upload.path, host: response.address.server, named: named))
        }
    }

    /// Where the registry wants what comes next. From https it does not go to http.
    private func location(_ response: Response) throws(AttemptFailure) -> Address {
        let host = response.address.server
        guard let place = response["location"].flatMap({ response.address.resolving($0) }) else {
            throw .final(.badAnswer(host: host, "it does not say where to send a blob to"))
        }
        if response.address.isEncrypted, !place.isEncrypted {
            throw .final(.redirection(host: host, "an upload from https to plain http, which is not followed"))
        }
        return place
    }

    func put(_ manifest: BlobDescriptor, _ bytes: Data, named name: String) throws(RegistryError) {
        var call = Call(.put, "manifests/\(name)")
        call.fields = [("Content-Type", manifest.mediaType)]
        call.body = .bytes(bytes)
        let response = try send(call)
        if let named = response["docker-content-digest"], named != manifest.digest.description {
            throw .wrongDigest(image: image, host: response.address.server, named: named)
        }
    }
}

/// A blob on its way out.
private struct Upload {
    let blob: BlobDescriptor
    let path: String
    let file: SharedDescriptor
    /// The registry has refused to take it as a whole.
    var inPieces: Bool

    func call(
        _ method: Request.Method, _ address: Address, offset: Int64, count: Int64, _ events: @escaping RegistryEvents
    ) -> Call {
        var call = Call(method, address)
        call.fields = [("Content-Type", "application/octet-stream")]
        call.allowed = [404]
        call.body = count == 0 ? .none : .file(file, path: path, offset: offset, count: count)
        let digest = blob.digest
        call.progress = { sent in events(.progress(digest, offset + sent)) }
        return call
    }
}
