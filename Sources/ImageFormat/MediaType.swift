// The media types of images (OCI image specification, "Media Types"; Docker image manifest version 2, schema 2).

/// What a document or a blob says it is.
public enum MediaType: String, CaseIterable, Sendable {
    case ociIndex = "application/vnd.oci.image.index.v1+json"
    case ociManifest = "application/vnd.oci.image.manifest.v1+json"
    case ociConfig = "application/vnd.oci.image.config.v1+json"
    case ociLayer = "application/vnd.oci.image.layer.v1.tar"
    case ociLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip"
    case ociLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd"
    case ociForeignLayer = "application/vnd.oci.image.layer.nondistributable.v1.tar"
    case ociForeignLayerGzip = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    case ociForeignLayerZstd = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
    case dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
    case dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    case dockerConfig = "application/vnd.docker.container.image.v1+json"
    case dockerLayer = "application/vnd.docker.image.rootfs.diff.tar"
    case dockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    case dockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd"
    case dockerForeignLayer = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    case schema1 = "application/vnd.docker.distribution.manifest.v1+json"
    case schema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"

    public var isIndex: Bool { self == .ociIndex || self == .dockerList }
    public var isManifest: Bool { self == .ociManifest || self == .dockerManifest }
    public var isConfig: Bool { self == .ociConfig || self == .dockerConfig }
    public var isSchema1: Bool { self == .schema1 || self == .schema1Signed }

    public var isLayer: Bool {
        switch self {
        case .ociLayer, .ociLayerGzip, .ociLayerZstd, .ociForeignLayer, .ociForeignLayerGzip, .ociForeignLayerZstd,
            .dockerLayer, .dockerLayerGzip, .dockerLayerZstd, .dockerForeignLayer:
            true
        default: false
        }
    }

    /// What a client asks a registry for when it wants an image (OCI distribution specification, "Pulling manifests").
    public static let wanted: [MediaType] = [.ociIndex, .ociManifest, .dockerList, .dockerManifest]
}
