import LuaHost
import Tensors
import Testing

@testable import LuaBindings

/// What is freed when: storage follows its handles, on the error path too.
///
/// The meter of live bytes counts for the whole process, so this suite runs apart from all others.
@Suite(.serialized) struct ProcessWideLifetimeTests {
  /// Scripts after which nothing of what they made may be alive.
  static let scripts: [String] = [
    "local t = tensor.ones{64, 64}; t = t + t; t = t:matmul(t)",
    "local t = tensor.ones{64, 64}:requires_grad_(true); (t * t):sum():backward(); t.grad = nil",
    "local t = tensor.ones{64}:requires_grad_(true); local g = tensor.grad(t:exp():sum(), {t})",
    "local t = tensor.ones{64}:requires_grad_(true); local u = t * 2; t.grad = tensor.ones{64}",
    "pcall(function() local t = tensor.ones{64, 64}; t:matmul(tensor.ones{3, 3}) end)",
    "pcall(tensor.no_grad, function() local t = tensor.ones{64}; error('x') end)",
    "pcall(tensor.scope, function() local t = tensor.ones{64}; error('x') end)",
    "do local _ <close> = tensor.no_grad(); local t = tensor.ones{64} * 2 end",
    """
    local ds = data.from(tensor.ones{4, 3, 8, 8}, {1, 2, 1, 2}):map(function(x) return x * 0.5 end)
    for x in ds:batches(2) do x = x + 1 end
    """,
    """
    local ds
    ds = data.from(tensor.ones{4, 3, 8, 8}, {1, 2, 1, 2}):map(function(x) return x / #ds end)
    ds:get(1)
    """,
    "local t = tensor.from{{1, 2}, {3, 4}}; t[1] = t[2]; t[{ {1, 2}, 1 }] = 0; local u = t[1][2]",
    "tensor.gradcheck(function(x) return x:square():sum() end, tensor.ones{3})",
    "pcall(tensor.gradcheck, function(x) error('x') end, tensor.ones{3})",
    "local g = random.generator(1); local t = g:rand{64}; json.encode{t = t}",
  ]

  @Test(arguments: scripts)
  func nothingStays(_ source: String) throws {
    let before = MemoryMeter.liveBytes
    let script = try Script()
    try script.state.run(source, chunkName: "=example")
    script.state.collect()
    script.state.collect()
    #expect(MemoryMeter.liveBytes == before)
    #expect(GradientMode.isRecording, "recording goes on")
    #expect(script.state.stackHeight == 0)
    let rest = script.state.close()
    #expect(rest.bytes == 0 && rest.blocks == 0)
  }

  @Test func temporariesOfAGigabyteStaySmall() throws {
    let script = try Script()
    MemoryMeter.resetPeak()
    let before = MemoryMeter.liveBytes
    _ = try script.run("for i = 1, 2000 do local t = tensor.zeros{1024, 1024} end")
    #expect(MemoryMeter.peakBytes - before < 300 << 20)
    _ = try script.run("collectgarbage() collectgarbage()")
    #expect(MemoryMeter.liveBytes == before)
  }

  @Test func scopeFreesAtOnce() throws {
    let script = try Script()
    _ = try script.run("collectgarbage('stop')")
    let before = MemoryMeter.liveBytes
    _ = try script.run(
      """
      kept = tensor.scope(function()
        local a = tensor.ones{256, 256}
        local b = tensor.scope(function() return a * 2, {inner = a * 3} end)
        for i = 1, 100 do a = a + 1 end
        return {b, a[1]:clone()}
      end)
      """)
    #expect(MemoryMeter.liveBytes - before == 256 * 256 * 4 + 256 * 4)
    #expect(try script.run("print(kept[1]:sum():item(), #kept[2])") == "131072.0\t256\n")
  }

  /// A script that loops over tensors without the collector's help is limited by `release`.
  @Test func releaseAndCloseFreeAtOnce() throws {
    let script = try Script()
    _ = try script.run("collectgarbage('stop')")
    let before = MemoryMeter.liveBytes
    _ = try script.run(
      """
      local t = tensor.ones{256, 256}
      t:release()
      do local u <close> = tensor.ones{256, 256} end
      """)
    #expect(MemoryMeter.liveBytes == before)
  }
}
