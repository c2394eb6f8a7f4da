import Testing

@testable import LuaHost

@Test func smoke() throws {
  let state = try LuaState(catalog: FakeLibrary.catalog)
  var text = ""
  state.output = { _, bytes in text += String(decoding: bytes, as: UTF8.self) }
  try state.run(
    """
    local b = fake.blob(3)
    print(b:size(), #b, b + b, b.label, b[1], b[-1], fake.pi)
    b.label = "x"; print(b.label)
    print(fake.attack(b, {steps = 3, eps = "4/255"}))
    for i, s in fake.count(3) do io.write(i, " ", s, "\\n") end
    print(pcall(fake.attack, b, {step = 1}))
    print(pcall(b.join, b, nil))
    print(pcall(function() b:join(fake.other()) end))
    b:release()
    print(pcall(b.size, b))
    print(select(2, pcall(fake.fail, "x")).kind)
    print(fake.call(function(a) return a + 1 end, 4))
    """, chunkName: "=cell[1]")
  print(text)
  #expect(state.close() == (0, 0))
}
