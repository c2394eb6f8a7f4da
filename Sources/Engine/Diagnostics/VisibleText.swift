extension StringProtocol {
  /// The text with control characters written out: `\x1b` for the escape that terminals obey.
  ///
  /// Line feeds and tabs stay. Marks of the direction of writing are written out, too: they make a text
  /// look like another; so are the separators of lines and paragraphs, which break a row of a table.
  package var withVisibleControls: String {
    guard unicodeScalars.contains(where: \.isHiddenControl) else { return String(self) }
    var text = ""
    for scalar in unicodeScalars {
      if scalar.isHiddenControl {
        let digits = String(scalar.value, radix: 16)
        text +=
          scalar.value < 0x100 ? "\\x" + (digits.count < 2 ? "0" : "") + digits : "\\u{\(digits)}"
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}

extension Unicode.Scalar {
  fileprivate var isHiddenControl: Bool {
    switch value {
    case 0x09, 0x0A: return false
    case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069:
      return true
    default: return false
    }
  }
}
