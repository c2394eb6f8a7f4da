/// A bitmap font of 5 x 7 dots for captions: printable ASCII and a few signs.
///
/// The shapes are the traditional ones of a dot matrix display. Each glyph is one number: seven rows
/// of five bits, top row first, left dot highest.
enum BitmapFont {
  static let width = 5
  static let height = 7

  /// True where the glyph of `character` has a dot; an unknown character is a hollow box.
  static func isSet(_ character: Character, column: Int, row: Int) -> Bool {
    let glyph = glyph(of: character)
    let bit = (height - 1 - row) * width + (width - 1 - column)
    return glyph >> UInt64(bit) & 1 == 1
  }

  private static func glyph(of character: Character) -> UInt64 {
    if let value = character.asciiValue, value >= 32, value < 127 {
      return printable[Int(value) - 32]
    }
    return signs[character] ?? 0x7_e318_c63f
  }

  /// Code points 32 to 126.
  private static let printable: [UInt64] = [
    0x0_0000_0000, 0x1_0842_0004, 0x2_94a0_0000, 0x2_95f5_7d4a, 0x1_1f47_17c4, 0x6_3222_2263,
    0x3_2544_564d, 0x3_0880_0000, 0x0_8884_2082, 0x2_0821_0888, 0x0_0957_5480, 0x0_084f_9080,
    0x0_0000_3088, 0x0_000f_8000, 0x0_0000_018c, 0x0_0222_2200, 0x3_a33a_e62e, 0x1_1842_108e,
    0x3_a211_111f, 0x7_c441_062e, 0x0_8ca9_7c42, 0x7_e1e0_862e, 0x1_910f_462e, 0x7_c222_2108,
    0x3_a317_462e, 0x3_a317_844c, 0x0_18c0_3180, 0x0_18c0_3088, 0x0_8888_2082, 0x0_01f0_7c00,
    0x2_0820_8888, 0x3_a211_1004, 0x3_a216_d6ae, 0x3_a318_fe31, 0x7_a31f_463e, 0x3_a308_422e,
    0x7_2518_c65c, 0x7_e10f_421f, 0x7_e10f_4210, 0x3_a30b_c62f, 0x4_631f_c631, 0x3_8842_108e,
    0x1_c421_0a4c, 0x4_654c_5251, 0x4_2108_421f, 0x4_775a_c631, 0x4_639a_ce31, 0x3_a318_c62e,
    0x7_a31f_4210, 0x3_a318_d64d, 0x7_a31f_5251, 0x3_e107_043e, 0x7_c842_1084, 0x4_6318_c62e,
    0x4_6318_c544, 0x4_631a_d6aa, 0x4_62a2_2a31, 0x4_6315_1084, 0x7_c222_221f, 0x3_9084_210e,
    0x0_2082_0820, 0x3_8421_084e, 0x1_1510_0000, 0x0_0000_001f, 0x2_0820_0000, 0x0_00e0_be2f,
    0x4_216c_c63e, 0x0_00e8_422e, 0x0_42d9_c62f, 0x0_00e8_fe0e, 0x1_928e_2108, 0x0_1f18_bc2e,
    0x4_216c_c631, 0x1_00c2_108e, 0x0_8061_0a4c, 0x4_212a_6292, 0x3_0842_108e, 0x0_01aa_d631,
    0x0_016c_c631, 0x0_00e8_c62e, 0x0_01e8_fa10, 0x0_00d9_bc21, 0x0_016c_c210, 0x0_00e8_383e,
    0x2_11c4_2126, 0x0_0118_c66d, 0x0_0118_c544, 0x0_0118_d6aa, 0x0_0115_1151, 0x0_0118_bc2e,
    0x0_01f1_111f, 0x0_8844_1082, 0x1_0842_1084, 0x2_0841_1088, 0x0_008a_8800,
  ]

  private static let signs: [Character: UInt64] = [
    "×": 0x0_22a2_2a20, "·": 0x0_0006_3000, "–": 0x0_0007_0000, "—": 0x0_000f_8000,
    "→": 0x0_082f_8880, "≤": 0x0_8882_080e, "≥": 0x2_0822_200e, "±": 0x1_09f2_101f,
    "∞": 0x0_00aa_d540, "ε": 0x0_1d16_422e, "δ": 0x1_9047_462e, "Δ": 0x0_0845_2a3f,
    "°": 0x3_2526_0000, "’": 0x3_0880_0000, "…": 0x0_0000_0015,
  ]
}
