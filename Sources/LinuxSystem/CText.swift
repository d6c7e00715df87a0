// Text of this program as C strings and back (`ByteText`): the one place where paths, words and variables pass.

import ByteText
import Glibc

extension String {
    /// The bytes that the text stands for, and a NUL.
    var forC: [CChar] { ByteText.cString(self) }

    /// - Parameter characters: up to a NUL.
    @unsafe init(ofC characters: UnsafePointer<CChar>) {
        let bytes = unsafe UnsafeRawBufferPointer(start: characters, count: strlen(characters))
        self = unsafe ByteText.text(Array(bytes))
    }
}
