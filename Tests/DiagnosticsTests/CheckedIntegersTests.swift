import Diagnostics
import Testing

@Suite struct CheckedIntegersTests {
  @Test func whatFitsIsAsWithOperators() throws {
    #expect(try 3.adding(-5) == -2 && 3.subtracting(-5) == 8)
    #expect(try (-4).multiplied(by: 5) == -20 && 7.negated() == -7)
    #expect(try [2, 3, 4].checkedProduct() == 24 && [Int]().checkedProduct() == 1)
    #expect(try [0, Int.max, 0].checkedProduct() == 0)
  }

  @Test(
    arguments: [
      (try? Int.max.adding(1), "9223372036854775807 + 1"),
      (try? Int.min.subtracting(1), "-9223372036854775808 - 1"),
      (try? (1 << 32).multiplied(by: 1 << 32), "4294967296 * 4294967296"),
      (try? Int.min.negated(), "0 - -9223372036854775808"),
    ] as [(Int?, String)])
  func whatDoesNotFitThrows(_ row: (value: Int?, expression: String)) { #expect(row.value == nil) }

  @Test func theErrorHasTheNumbers() {
    #expect {
      try Int8(100).adding(100)
    } throws: {
      "\($0)" == "100 + 100 does not fit into 8 bits"
    }
    #expect {
      try Int(checked: 1e19, "steps")
    } throws: {
      "\($0)" == "steps is 1e+19, which is no 64-bit integer"
    }
  }

  @Test func clampedResultsAreTheNearest() {
    #expect(Int.max.addingClamped(1) == .max && Int.min.addingClamped(-1) == .min)
    #expect(2.addingClamped(3) == 5 && (-2).multipliedClamped(by: 3) == -6)
    #expect(Int.max.multipliedClamped(by: 2) == .max && Int.max.multipliedClamped(by: -2) == .min)
    #expect(Int.min.multipliedClamped(by: -1) == .max && Int.min.multipliedClamped(by: 2) == .min)
  }

  @Test func numbersBecomeIntegers() throws {
    #expect(try Int(checked: -2.9) == -2 && Int(checked: 0x1p62) == 1 << 62)
    for value in [Double.nan, .infinity, -.infinity, 0x1p63, -0x1.8p63] {
      #expect(throws: KilpiError.self) { try Int(checked: value) }
    }
    #expect(Int(clamped: .nan) == 0 && Int(clamped: 2.9) == 2)
    #expect(Int(clamped: .infinity) == .max && Int(clamped: -1e300) == .min)
  }

  @Test func partsAreRoundedUp() {
    #expect((0...5).map { $0.parts(of: 2) } == [0, 1, 1, 2, 2, 3])
    #expect(5.parts(of: Int.max) == 1 && Int.max.parts(of: 1) == .max && 5.parts(of: 0) == 0)
  }
}

@Suite struct MemoryReservationTests {
  @Test func whatNoMachineHasIsRefused() {
    for bytes in [1 << 50, Int.max] {
      let error = #expect(throws: KilpiError.self) { try MemoryReservation(bytes: bytes) }
      #expect(error?.kind == .memory)
    }
    #expect {
      try MemoryReservation.ask(1 << 50)
    } throws: {
      "\($0)"
        == "not enough memory for 1.0 PB (make it smaller, or raise the cap with --memory)"
    }
    #expect(throws: KilpiError.self) {
      try MemoryReservation.holding(Int.max, of: Int.self) { Issue.record("the body runs") }
    }
    #expect(throws: KilpiError.self) { try (0..<Int.max).mapped { $0 } }
    #expect(throws: KilpiError.self) { try (0..<1 << 40).mapped(bytes: 1 << 10) { $0 } }
  }

  @Test func aReservationGrowsAndIsCounted() throws {
    let reservation = try MemoryReservation(bytes: 100)
    try reservation.grow(by: 28)
    try reservation.grow(by: -5)
    #expect(throws: KilpiError.self) { try reservation.grow(by: 1 << 50) }
    #expect(reservation.bytes == 128 && MemoryReservation.totalBytes >= 128)
  }

  @Test func mappedIsMap() throws {
    #expect(try (3..<6).mapped { $0 * 2 } == [6, 8, 10])
    #expect(try (0..<0).mapped { $0 }.isEmpty)
  }
}
