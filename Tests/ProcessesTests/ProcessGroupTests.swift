import Diagnostics
import TestSupport
import Testing

@testable import Processes

@Suite struct ProcessGroupTests {
  /// What went wrong on each process; nil where nothing did.
  private func problems<Value>(_ results: [Result<Value, any Error>]) -> [String?] {
    results.map { result in
      guard case .failure(let error) = result else { return nil }
      return "\(error)"
    }
  }

  @Test(arguments: [1, 2, 3, 4, 7]) func sharesCoverEverythingOnce(size: Int) {
    for count in [0, 1, 2, 3, 5, 64, 129] {
      let shares = onProcesses(size) { $0.share(of: count) }.map { try? $0.get() }
      #expect(shares.compactMap { $0 }.flatMap { Array($0) } == Array(0..<count))
      let lengths = shares.map { $0?.count ?? -1 }
      #expect((lengths.max() ?? 0) - (lengths.min() ?? 0) <= 1)
    }
  }

  /// A value of its own at each place of each process, with digits that float32 cannot add exactly.
  private static func value(_ rank: Int, _ index: Int) -> Double {
    Double((index * 7919 + rank * 104_729) % 1009) / 97 - 5 + 1e7 * Double(rank % 2)
  }

  @Test(arguments: [1, 2, 3, 4]) func sumsAreExactAndTheSameEverywhere(size: Int) throws {
    for count in [0, 1, 3, 5, 1000] {
      let expected = (0..<count).map { index in
        (0..<size).reduce(0.0) { $0 + Double(Float(Self.value($1, index))) }
      }
      let floats = try onProcesses(size) { group in
        var own = (0..<count).map { Float(Self.value(group.rank, $0)) }
        try own.withUnsafeMutableBufferPointer { try group.sum($0) }
        return own
      }.map { try $0.get() }
      for result in floats { #expect(result == expected.map { Float($0) }) }
      let doubles = try onProcesses(size) { group in
        var own = (0..<count).map { Double(Float(Self.value(group.rank, $0))) }
        try own.withUnsafeMutableBufferPointer { try group.sum($0) }
        return own
      }.map { try $0.get() }
      for result in doubles { #expect(result == expected) }
    }
  }

  @Test(arguments: [1, 2, 4]) func gathersInTheOrderOfTheRanks(size: Int) throws {
    let all = try onProcesses(size) { group in
      (
        try group.gathered([UInt8](repeating: UInt8(group.rank), count: 3 * group.rank)),
        try group.fromRoot(group.isRoot ? [1, 2] : [9])
      )
    }.map { try $0.get() }
    let expected = (0..<size).map { [UInt8](repeating: UInt8($0), count: 3 * $0) }
    for (gathered, root) in all {
      #expect(gathered == expected)
      #expect(root == [1, 2])
    }
  }

  /// Wherever one process fails, all of them throw, and the group goes on afterwards.
  @Test(arguments: [0, 1, 2], [0, 1, 2]) func oneFailureIsEverybodys(place: Int, culprit: Int) {
    let results = onProcesses(3) { group -> [[UInt8]] in
      #expect(throws: KilpiError.self) {
        try group.together("work") {
          for step in 0..<3 {
            if step == place, group.rank == culprit {
              throw KilpiError("the disk is full", advice: "make room", kind: .memory)
            }
            if step < 2 { _ = try group.gathered([1]) }
          }
        }
      }
      do {
        try group.together("work") {
          if group.rank == culprit {
            throw KilpiError("the disk is full", advice: "make room", kind: .memory)
          }
        }
      } catch let error as KilpiError {
        let text = "the disk is full (make room)"
        #expect(error.kind == .memory)
        #expect(
          "\(error)" == (group.rank == culprit ? text : "process \(culprit + 1): \(text)"))
      }
      return try group.together("after") { try group.gathered([UInt8(group.rank)]) }
    }
    for result in results { #expect((try? result.get()) == [[0], [1], [2]]) }
  }

  @Test func twoFailuresAtOnce() {
    let results = onProcesses(3) { group in
      try group.together("work") {
        if group.rank > 0 { throw KilpiError("failed on \(group.rank)") }
        _ = try group.gathered([])
      }
    }
    #expect(problems(results) == ["process 2: failed on 1", "failed on 1", "failed on 2"])
  }

  /// A failure that a script caught inside does not count for the work around it.
  @Test func nestedWork() throws {
    let results = onProcesses(2) { group in
      try group.together("outer") {
        #expect(throws: KilpiError.self) {
          try group.together("inner") {
            if group.rank == 1 { throw KilpiError("inner") }
            _ = try group.gathered([])
          }
        }
        return try group.gathered([7])
      }
    }
    for result in results { #expect(try result.get() == [[7], [7]]) }
  }

  @Test func differentWorkIsNoticed() {
    let scripts: [(text: String, body: @Sendable (ProcessGroup) throws -> Void)] = [
      (
        "process 2 does other work than process 1 (all processes must run the same script on the same data)",
        { group in try group.together("work \(group.rank)") {} }
      ),
      (
        "is at another place of the work than",
        { group in
          try group.together("work") {
            if group.isRoot { _ = try group.gathered([]) }
          }
        }
      ),
      (
        "is at another place of the work than",
        { group in
          try group.together("work") {
            var values = [Float](repeating: 0, count: group.rank)
            try values.withUnsafeMutableBufferPointer { try group.sum($0) }
          }
        }
      ),
    ]
    for (text, body) in scripts {
      let found = problems(onProcesses(2, body))
      #expect(found.count == 2)
      for problem in found { #expect(problem?.contains(text) == true, "\(problem ?? "nothing")") }
    }
  }

  @Test func leavingTogether() throws {
    let fine = try onProcesses(3) { $0.leave(nil) }.map { try $0.get() }
    #expect(fine == [.together(nil), .together(nil), .together(nil)])
    let failed = try onProcesses(2) { group in
      group.leave(group.rank == 1 ? KilpiError("no file", kind: .host) : nil)
    }.map { try $0.get() }
    #expect(failed == [.together(KilpiError("process 2: no file")), .together(nil)])
    #expect(ProcessGroup().leave(KilpiError("alone")) == .together(nil))
  }

  /// A process that ends while others need it is no reason to wait.
  @Test func endingTooEarly() throws {
    let results = onProcesses(2) { group -> ProcessGroup.Departure in
      if group.rank == 1 { return group.leave(KilpiError("a typing error")) }
      do {
        try group.together("work") { _ = try group.gathered([]) }
      } catch let error as KilpiError {
        #expect("\(error)" == "process 2 has ended: a typing error")
        #expect(group.isBroken)
        return group.leave(error)
      }
      return .together(nil)
    }
    #expect(
      try results.map { try $0.get() } == [
        .alone(KilpiError("process 2 has ended: a typing error")),
        .alone(KilpiError("a typing error")),
      ])
  }

  @Test func messages() {
    for text in ["", "Ä, 猫, 🐈", String(repeating: "ä猫", count: 300)] {
      for kind in [nil, KilpiError.Kind.host, .memory, .interrupted] {
        let message = GroupMessage(step: .failed, count: 1 << 40, text: text, kind: kind)
        #expect(message.bytes.count == GroupMessage.length)
        let back = GroupMessage(message.bytes)
        #expect(back?.count == 1 << 40)
        #expect(back?.kind == kind)
        #expect(back.map { text.hasPrefix($0.text) } == true)
        #expect(back?.text.isEmpty == text.isEmpty)
      }
    }
    #expect(GroupMessage([1, 2]) == nil)
    #expect(GroupMessage([UInt8](repeating: 200, count: GroupMessage.length)) == nil)
  }

  @Test func coresAreShared() {
    // Four cores for both: two each. Bound to their own: all of them.
    #expect(MessagePassing.share(of: [0b1111], among: [[0b1111], [0b1111]]) == 2)
    #expect(MessagePassing.share(of: [0b0011], among: [[0b0011], [0b1100]]) == 2)
    #expect(MessagePassing.share(of: [0b0111], among: [[0b0111], [0b0001]]) == 2.5)
    #expect(MessagePassing.share(of: [0, 1], among: [[0, 1], [1]]) == 1)
  }

  @Test func aloneThreadsAreTheCores() throws {
    #expect(try MessagePassing.fairThreads(ProcessGroup(), machine: "here") >= 1)
    #expect(MessagePassing.announcedSize == 1)
    #expect(try MessagePassing.join().size == 1)
  }
}
