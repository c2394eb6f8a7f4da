import TestSupport
import Tensors
import Testing

/// Places are set for the whole process.
@Suite("process-wide: large blocks", .serialized, .enabled(if: ProcessWide.isAlone))
struct ProcessWideLargeBlocksTests {
  @Test func largeBlocksAreKnownByTheirPlace() throws {
    var place = "first:1"
    MemoryMeter.setPlaces { place }
    defer { MemoryMeter.setPlaces(nil) }
    let one = try Tensor.zeros([1 << 18])
    let two = try Tensor.zeros([1 << 18])
    let small = try Tensor.zeros([(1 << 18) - 1])
    place = "second:2"
    var three: Tensor? = try Tensor.zeros([1 << 20])
    func known(_ place: String) -> [Int]? {
      MemoryMeter.largest().first { $0.place == place }.map { [$0.bytes, $0.blocks] }
    }
    #expect(known("first:1") == [2 << 20, 2])
    #expect(known("second:2") == [4 << 20, 1])
    #expect(MemoryMeter.largest().first?.place == "second:2")
    three = nil
    #expect(known("second:2") == nil && three == nil)
    #expect(one.count + two.count + small.count == (3 << 18) - 1)
  }

  @Test func withoutPlacesNothingIsKept() throws {
    let before = MemoryMeter.largest().count
    let tensor = try Tensor.zeros([1 << 19])
    #expect(MemoryMeter.largest().count == before && tensor.count == 1 << 19)
  }
}
