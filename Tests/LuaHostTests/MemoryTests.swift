import LuaHost
import Testing

@Suite struct MemoryTests {
  static let pressures = [
    ScriptCase("global function", "for i = 1, 10000 do local b = fake.blob(4 << 20) end", ""),
    ScriptCase(
      "method and operators",
      "local n = 0 for i = 1, 10000 do local b = fake.blob(4 << 20) n = n + #b + b:size() end", ""),
    ScriptCase(
      "coroutine",
      "local co = coroutine.wrap(function() for i = 1, 10000 do fake.blob(4 << 20) end end) co()",
      ""),
    ScriptCase(
      "inside a callback", "fake.call(function() for i = 1, 10000 do fake.blob(4 << 20) end end)",
      ""),
    ScriptCase(
      "beside kept values",
      "local kept = {} for i = 1, 20 do kept[i] = fake.blob(4 << 20) end"
        + " for i = 1, 10000 do local b = fake.blob(4 << 20) end", ""),
  ]

  @Test(arguments: pressures) func tenThousandTemporariesStaySmall(_ row: ScriptCase) throws {
    let bench = try Bench()
    let meter = bench.meter
    var peak = 0
    bench.state.externalBytes = {
      peak = max(peak, meter.live)
      return meter.live
    }
    try bench.run(row.source)
    #expect(peak < 300 << 20)
    try bench.run("collectgarbage() collectgarbage()")
    #expect(meter.live == 0)
    bench.finish()
  }

  @Test func nothingIsCollectedAfterStop() throws {
    let bench = try Bench()
    try bench.run("collectgarbage('stop') for i = 1, 100 do fake.blob(4 << 20) end")
    #expect(bench.meter.count == 100)
    try bench.run("collectgarbage('restart')")
    bench.finish()
  }

  @Test func finalizersMayAllocateOutside() throws {
    let bench = try Bench()
    try bench.run(
      """
      for i = 1, 1000 do
        setmetatable({}, {__gc = function() fake.blob(4 << 20) end})
        fake.blob(4 << 20)
      end
      """)
    bench.finish()
  }

  @Test func pressureGivesThePoolBack() throws {
    let bench = try Bench()
    var releases = 0
    bench.state.releasePool = { releases += 1 }
    bench.state.setSoftLimit(16 << 20)
    try bench.run("local t = {} for i = 1, 100 do t[i] = fake.blob(4 << 20) end")
    // The limit rises by 1.4 while most survives, so collections stay rare.
    #expect(releases >= 3)
    #expect(releases <= 20)
    bench.finish()
  }

  static let hungry = [
    ScriptCase("string doubling", "local x = 'x' while true do x = x .. x end", ""),
    ScriptCase("string.rep", "return string.rep('x', 1 << 30)", ""),
    ScriptCase("growing table", "local t = {} for i = 1, 1e9 do t[i] = i end", ""),
    ScriptCase(
      "concatenation",
      "local t = {} for i = 1, 100 do t[i] = ('x'):rep(1 << 20) end"
        + " return table.concat(t)", ""),
    ScriptCase(
      "kept blobs and a table",
      "local t = {} for i = 1, 1e6 do t[i] = {fake.blob(1 << 20)} end", ""),
    ScriptCase("closures", "local f while true do local g = f f = function() return g end end", ""),
    ScriptCase(
      "coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(print) end", ""),
  ]

  @Test(arguments: hungry) func theCapIsACleanError(_ row: ScriptCase) throws {
    let bench = try Bench()
    bench.state.setMemoryLimit(64 << 20)
    let error = try bench.failure(row.source)
    #expect(error.kind == .memory)
    #expect(error.message == "not enough memory")
    #expect(bench.state.memory.peakBytes <= (64 << 20) + 8192)
    bench.state.setMemoryLimit(nil)
    #expect(try bench.run("return 1 + 1") == ["2"])
    bench.finish()
  }

  @Test func pcallSeesTheCap() throws {
    let bench = try Bench()
    bench.state.setMemoryLimit(32 << 20)
    let text = try bench.run(
      "return pcall(function() local x = 'x' while true do x = x .. x end end)")
    #expect(text == ["false", "not enough memory"])
    bench.finish()
  }

  @Test func swiftPushesNeverMeetTheCap() throws {
    let bench = try Bench()
    // One byte above the present use: every request of Lua's own fails, none of Swift's does.
    for source in ErrorTextTests.accepted.map(\.source) + ErrorTextTests.cases.map(\.source) {
      let function = try bench.state.compile(
        "local b = fake.blob(1) " + source, chunkName: "=t")
      bench.state.collect()
      bench.state.setMemoryLimit(bench.state.memory.bytes + bench.meter.live + 1)
      _ = try? function.call()
      bench.state.setMemoryLimit(nil)
    }
    #expect(bench.state.memory.shelteredRequests > 0)
    #expect(bench.state.memory.largestSheltered < 64 << 10)
    bench.finish()
  }

  @Test func everyAllocationMayFail() throws {
    let source = """
      local b = fake.blob(3)
      local t = {a = {1, 2, 3}, s = ("x"):rep(100)}
      local n = fake.attack(b, {steps = 3, inner = {lr = 0.1}, names = {"a", "b"}})
      for i, s in fake.count(3) do t[i] = tostring(s) .. i end
      local ok, err = pcall(fake.fail, "x")
      local co = coroutine.wrap(function(a) coroutine.yield(fake.tree(t)) end)
      co()
      fake.wrap(function() return b end):call()
      return assert(load("return 1 + 1"))()
      """
    let bench = try Bench()
    let function = try bench.state.compile(source, chunkName: "=t")
    var failures = 0
    for request in 1...2000 {
      // The request and the retry that follows Lua's own full collection.
      bench.state.failAllocations(at: request)
      do {
        let results = try function.call()
        bench.state.failAllocations(at: 0)
        #expect(results.first?.int == 2)
        if failures > 0, request > 1000 { break }
      } catch let error as LuaError {
        bench.state.failAllocations(at: 0)
        failures += 1
        #expect(error.message.contains("not enough memory"), "request \(request)")
      }
      #expect(bench.state.stackHeight == 0)
    }
    #expect(failures > 30)
    bench.finish()
  }

  @Test func opensAndClosesWithoutARest() throws {
    let state = try LuaState(catalog: FakeLibrary.catalog)
    #expect(state.memory.blocks > 0)
    #expect(state.memory.bytes > 0)
    #expect(state.close() == (0, 0))
    #expect(state.close() == (0, 0))
    #expect(state.memory == MemoryFigures())
  }

  @Test func collectsFromAHostFunction() throws {
    let bench = try Bench()
    try bench.run("fake.blob(1) fake.collect() fake.collect()")
    #expect(bench.meter.count == 0)
    bench.finish()
  }
}
