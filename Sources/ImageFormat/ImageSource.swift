// Where images come from and go to: a registry, a layout, an archive. The store knows these two only.

public import Foundation
public import SandboxPolicy

/// One image to be brought in. It carries bytes and checks nothing of their content: the store sums every blob as it
/// streams, whoever it came from.
public protocol ImageSource: Sendable {
    /// The document that the image begins with, an index or a manifest, and the media type that came with it.
    func root() throws -> (bytes: Data, mediaType: String?)

    /// An index, manifest or config that another document names; at most `ImageDocument.limit` bytes.
    func document(_ descriptor: BlobDescriptor) throws -> Data

    /// Hands all bytes of a layer on, in order, in pieces of any size. May be called for several layers at once, each
    /// from a thread of its own. Where `sink` throws, this throws the same.
    func copy(_ blob: BlobDescriptor, to sink: (UnsafeRawBufferPointer) throws -> Void) throws
}

/// One image to be handed out. Blobs come first, then the manifest that names them.
public protocol ImageDestination {
    /// Takes a blob that stands in the file at `path`, config included. What is there already may be passed over.
    func add(_ blob: BlobDescriptor, at path: String) throws

    /// Takes the manifest; the image is whole then.
    func finish(_ manifest: BlobDescriptor, _ bytes: Data, as reference: ImageReference?) throws
}
