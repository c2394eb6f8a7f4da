// The standard library's normaliser; Foundation's loses the high half of characters beyond U+FFFF
// (it composes U+10418 U+0306 to U+0439). Foundation itself uses this entry on Linux.
@_spi(_Unicode) internal import Swift

/// How text is made uniform before it is split into words.
public enum TextCleaning: String, Sendable {
  /// As CLIP's reference does through ftfy, HTML references resolved twice; see `TextCleaner`.
  case reference
  /// As the Hugging Face tokenizer does: NFC, whitespace runs to one space, lower case.
  case huggingFace = "hf"
  /// As `reference`, but capital letters stay: open_clip's `clean = "whitespace"`.
  case whitespace
  /// As `reference`, and ASCII punctuation goes, `_` as a space: open_clip's `clean = "canonicalize"`.
  case canonicalize

  /// The mode of an open_clip configuration's `tokenizer_kwargs.clean`; nil for one that is not known.
  init?(openCLIP name: String) {
    switch name {
    case "lower": self = .reference
    case "whitespace": self = .whitespace
    case "canonicalize": self = .canonicalize
    default: return nil
    }
  }

  /// Its name in open_clip's configurations; nil for one that open_clip has not.
  var openCLIPName: String? {
    switch self {
    case .reference: "lower"
    case .whitespace: "whitespace"
    case .canonicalize: "canonicalize"
    case .huggingFace: nil
    }
  }
}

/// Cleans text for the byte-pair tokenizer.
///
/// Goals, in order: the same ids as the reference for any text that a person would write; the same
/// for hostile text; speed on plain ASCII, which takes a path of its own.
///
/// The reference is ftfy's `fix_text` (6.3, defaults), then `html.unescape` twice, trimming, runs of
/// whitespace to one space, lower case. Deliberate deviation: ftfy's repair of text that was
/// decoded with the wrong encoding ("schÃ¶n") is not reproduced.
enum TextCleaner {
  static func clean(_ text: String, as cleaning: TextCleaning = .reference) -> [Unicode.Scalar] {
    let lowers = cleaning == .reference || cleaning == .huggingFace
    if lowers, let plain = cleanPlain(text, as: cleaning) { return plain }
    let scalars = Array(text.unicodeScalars)
    if cleaning == .huggingFace {
      return lowercased(collapsed(normalized(scalars)), finalSigma: false)
    }
    let basic = HTMLEntities.unescape(HTMLEntities.unescape(fixed(scalars)))
    switch cleaning {
    case .whitespace: return collapsed(basic)
    case .canonicalize: return collapsed(lowercased(withoutPunctuation(basic), finalSigma: true))
    default: return lowercased(collapsed(basic), finalSigma: true)
    }
  }

  /// `_` as a space, Python's `string.punctuation` away.
  private static func withoutPunctuation(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    text.compactMap { scalar in
      if scalar == "_" { return " " }
      switch scalar.value {
      case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return nil
      default: return scalar
      }
    }
  }

  /// Printable ASCII without `&` needs no more than spaces and case.
  private static func cleanPlain(
    _ text: String, as cleaning: TextCleaning
  ) -> [Unicode.Scalar]? {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      switch byte {
      case 0x20, 0x09, 0x0A, 0x0D:
        if let last = result.last, last != " " { result.append(" ") }
      case 0x41...0x5A: result.append(Unicode.Scalar(byte + 32))
      case UInt8(ascii: "&"), 0x7F...0xFF, 0x00..<0x20: return nil
      default: result.append(Unicode.Scalar(byte))
      }
    }
    if result.last == " " { result.removeLast() }
    return result
  }

  // MARK: - ftfy

  /// `ftfy.fix_text` without the repair of wrong encodings: line by line, and from the first line
  /// with a `<` on HTML references are left alone.
  private static func fixed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    var unescapes = true
    var first = 0
    while first < text.count {
      let end = (text[first...].firstIndex(of: "\n") ?? text.count - 1) + 1
      let segment = Array(text[first..<end])
      if segment.contains("<") { unescapes = false }
      result += fixedSegment(segment, unescapes: unescapes)
      first = end
    }
    return result
  }

  private static func fixedSegment(
    _ segment: [Unicode.Scalar], unescapes: Bool
  ) -> [Unicode.Scalar] {
    var text = segment
    while true {
      let before = text
      if unescapes { text = HTMLEntities.unescapeStrictly(text) }
      text = replaceCharacters(text)
      text = unifyLines(text)
      text = removeTerminalEscapes(text)
      text.removeAll(where: isUnwantedControl)
      text = normalized(text)
      if text == before { return text }
    }
  }

  /// C1 controls to Windows-1252, ligatures, half and full width, quotes: each looks at the one
  /// before's result, as in the reference.
  private static func replaceCharacters(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.contains(where: { $0.value >= 0x80 }) else { return text }
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    for scalar in text {
      let value = scalar.value
      if value < 0x80 {
        result.append(scalar)
      } else if value <= 0x9F {
        result.append(uncurled(windows1252(value)))
      } else if let letters = ligatures[scalar] {
        result += letters.unicodeScalars.map(uncurled)
      } else if value == 0x3000 {
        result.append(" ")
      } else if (0xFF01...0xFF5E).contains(value) {
        result.append(Unicode.Scalar(value - 0xFEE0) ?? scalar)
      } else if (0xFF5F..<0xFFEF).contains(value) {
        result += widths[Int(value - 0xFF5F)] ?? [scalar]
      } else {
        result.append(uncurled(scalar))
      }
    }
    return result
  }

  private static func uncurled(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar.value {
    case 0x2BC, 0x2018...0x201B: "'"
    case 0x201C...0x201F: "\""
    default: scalar
    }
  }

  private static func unifyLines(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    func isOther(_ scalar: Unicode.Scalar) -> Bool {
      scalar == "\r" || scalar == "\u{2028}" || scalar == "\u{2029}"
    }
    guard text.contains(where: isOther) else { return text }
    var result: [Unicode.Scalar] = []
    for (index, scalar) in text.enumerated() {
      if scalar == "\n", index > 0, text[index - 1] == "\r" { continue }
      result.append(isOther(scalar) ? "\n" : scalar)
    }
    return result
  }

  /// Removes `ESC [ digits and semicolons letter`.
  private static func removeTerminalEscapes(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.contains("\u{1B}") else { return text }
    var result: [Unicode.Scalar] = []
    var index = 0
    while index < text.count {
      if text[index] == "\u{1B}", index + 1 < text.count, text[index + 1] == "[" {
        var end = index + 2
        while end < text.count, isParameter(text[end]) { end += 1 }
        if end < text.count, text[end].isASCII, text[end].properties.isAlphabetic {
          index = end + 1
          continue
        }
      }
      result.append(text[index])
      index += 1
    }
    return result
  }

  private static func isParameter(_ scalar: Unicode.Scalar) -> Bool {
    scalar == ";" || scalar.properties.generalCategory == .decimalNumber
  }

  private static func isUnwantedControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFC: true
    default: false
    }
  }

  // MARK: - Unicode

  /// Normalisation form C; text below U+0300 has it already.
  static func normalized(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.contains(where: { $0.value >= 0x300 }) else { return text }
    return Array(string(ordered(text))._nfc)
  }

  /// Sorts each run of combining marks by combining class, as canonical order asks: the normaliser
  /// would do so itself, but in quadratic time.
  private static func ordered(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result = text
    var start = 0
    while start < text.count {
      guard text[start].value >= 0x300,
        text[start].properties.canonicalCombiningClass != .notReordered
      else {
        start += 1
        continue
      }
      var run: [(order: UInt8, place: Int)] = []
      while start + run.count < text.count {
        let order = text[start + run.count].properties.canonicalCombiningClass
        if order == .notReordered { break }
        run.append((order.rawValue, start + run.count))
      }
      let sorted = run.sorted { ($0.order, $0.place) < ($1.order, $1.place) }
      for (offset, mark) in sorted.enumerated() { result[start + offset] = text[mark.place] }
      start += run.count
    }
    return result
  }

  /// Trims, and makes one space of every run of whitespace.
  private static func collapsed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    for scalar in text {
      if isSpace(scalar) {
        if let last = result.last, last != " " { result.append(" ") }
      } else {
        result.append(scalar)
      }
    }
    if result.last == " " { result.removeLast() }
    return result
  }

  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (9...13).contains(scalar.value) || scalar == " " }
    return scalar.properties.isWhitespace
  }

  /// Lower case by Unicode's full mapping; a capital sigma at a word's end becomes the final one.
  static func lowercased(
    _ text: [Unicode.Scalar], finalSigma: Bool
  ) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    for (index, scalar) in text.enumerated() {
      if scalar.isASCII {
        result.append(
          ("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar)
      } else if scalar == "\u{3A3}" {
        result.append(finalSigma && isFinal(text, index) ? "\u{3C2}" : "\u{3C3}")
      } else {
        result += scalar.properties.lowercaseMapping.unicodeScalars
      }
    }
    return result
  }

  /// A cased letter before, none after, passing over what case ignores.
  private static func isFinal(_ text: [Unicode.Scalar], _ index: Int) -> Bool {
    var before = index - 1
    while before >= 0, text[before].properties.isCaseIgnorable { before -= 1 }
    guard before >= 0, text[before].properties.isCased else { return false }
    var after = index + 1
    while after < text.count, text[after].properties.isCaseIgnorable { after += 1 }
    return after == text.count || !text[after].properties.isCased
  }

  static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  // MARK: - Tables

  /// The character that Windows-1252 has at a C1 control's place; the five holes stay controls.
  static func windows1252(_ value: UInt32) -> Unicode.Scalar {
    let table: [UInt32] = [
      0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039,
      0x152, 0x8D, 0x17D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
      0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178,
    ]
    guard (0x80...0x9F).contains(value) else { return "\u{FFFD}" }
    return Unicode.Scalar(table[Int(value - 0x80)]) ?? "\u{FFFD}"
  }

  private static let ligatures: [Unicode.Scalar: String] = [
    "\u{132}": "IJ", "\u{133}": "ij", "\u{149}": "\u{2BC}n", "\u{1F1}": "DZ", "\u{1F2}": "Dz",
    "\u{1F3}": "dz", "\u{1C4}": "D\u{17D}", "\u{1C5}": "D\u{17E}", "\u{1C6}": "d\u{17E}",
    "\u{1C7}": "LJ", "\u{1C8}": "Lj", "\u{1C9}": "lj", "\u{1CA}": "NJ", "\u{1CB}": "Nj",
    "\u{1CC}": "nj", "\u{FB00}": "ff", "\u{FB01}": "fi", "\u{FB02}": "fl", "\u{FB03}": "ffi",
    "\u{FB04}": "ffl", "\u{FB05}": "\u{17F}t", "\u{FB06}": "st",
  ]

  /// Plain forms of U+FF5F ..< U+FFEF, nil where a character stays; from NFKC.
  private static let widths: [[Unicode.Scalar]?] =
    """
    2985 2986 3002 300c 300d 3001 30fb 30f2 30a1 30a3 30a5 30a7 30a9 30e3 30e5 30e7 30c3 30fc 30a2
    30a4 30a6 30a8 30aa 30ab 30ad 30af 30b1 30b3 30b5 30b7 30b9 30bb 30bd 30bf 30c1 30c4 30c6 30c8
    30ca 30cb 30cc 30cd 30ce 30cf 30d2 30d5 30d8 30db 30de 30df 30e0 30e1 30e2 30e4 30e6 30e8 30e9
    30ea 30eb 30ec 30ed 30ef 30f3 3099 309a 1160 1100 1101 11aa 1102 11ac 11ad 1103 1104 1105 11b0
    11b1 11b2 11b3 11b4 11b5 111a 1106 1107 1108 1121 1109 110a 110b 110c 110d 110e 110f 1110 1111
    1112 - - - 1161 1162 1163 1164 1165 1166 - - 1167 1168 1169 116a 116b 116c - - 116d 116e 116f
    1170 1171 1172 - - 1173 1174 1175 - - - a2 a3 ac 20+304 a6 a5 20a9 - 2502 2190 2191 2192 2193
    25a0 25cb
    """
    .split(whereSeparator: { $0 == " " || $0 == "\n" })
    .map { entry in
      entry == "-"
        ? nil
        : entry.split(separator: "+").compactMap {
          UInt32($0, radix: 16).flatMap(Unicode.Scalar.init)
        }
    }
}
