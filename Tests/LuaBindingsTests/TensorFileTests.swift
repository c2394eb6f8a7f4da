import Files
import TestSupport
import Testing

@testable import LuaBindings

/// Tensor files as scripts see them; `scripts/reference/pytorch_files.py` made `checkpoint.pt`.
@Suite struct TensorFileTests {
  static let rows: [(source: String, output: String)] = [
    (
      """
      local c = tensor.load(fixture)
      print(c.epoch, c.best, c.name, c.done, c.nothing, c.type, c.args.prompt, c.set[1])
      print(c.model["module.conv.weight"], math.type(c.seen), c.device.arguments[1])
      print(c.optimizer.param_groups[1].betas[1], c.optimizer.state[0].step:item())
      """,
      """
      3\t61.25\trun ü\tfalse\tnil\ttorch.float16\ta photo\t1
      tensor float32 [2, 1, 2, 2]: <values>\tinteger\tcpu
      0.9\t1.0

      """
    ),
    (
      """
      local path = os.tmpname() .. ".npz"
      tensor.save(path, {a = tensor.arange(1, 3), ["b/c"] = tensor.eye(2)})
      local t = tensor.load(path)
      print(t.a, t["b/c"]:sum():item())
      tensor.save(path, tensor.arange(1, 2))
      print(tostring(tensor.load(path).tensor))
      os.remove(path)
      """,
      """
      tensor float32 [3]: 1, 2, 3\t2.0
      tensor float32 [2]: 1, 2

      """
    ),
    // One tensor that is not read does not hinder the others; other names are absent, as in any table.
    (
      """
      local path = os.tmpname()
      local header = '{"u": {"dtype": "U16", "shape": [1], "data_offsets": [0, 2]}, ' ..
        '"x": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}}'
      local file = io.open(path, "wb")
      file:write(string.pack("<s8", header), "\\0\\0", string.pack("<f", 2.5))
      file:close()
      local t = tensor.load(path)
      print(t.x:item(), t.y, t[1], next(t) == "x" and next(t, "x"))
      local ok, err = pcall(function() return t.u end)
      print(ok, (tostring(err):gsub("^.-tensor.load", "tensor.load")))
      os.remove(path)
      """,
      """
      tensor.load: of 'x' is not read: 'u' is U16
      2.5\tnil\tnil\tnil
      false\ttensor.load: cannot read 'x': 'u' is U16 [1], an element type that is not read \
      (save it as float32, int64 or bool)

      """
    ),
    // A file that asks for more than tensors is an error with the name it asks for.
    (
      """
      local path = os.tmpname() .. ".bin"
      local file <close> = io.open(path, "wb")
      file:write("\\x80\\x02cos\\nsystem\\n.")
      file:flush()
      local ok, err = pcall(tensor.load, path)
      print(ok, (tostring(err):gsub(path, "x", 1):gsub("^.-tensor.load", "tensor.load")))
      os.remove(path)
      """,
      """
      false\ttensor.load: cannot read 'x': it is a bare pickle, PyTorch's format before version 1.6 \
      (load it with PyTorch 1.6 or later and save it again, or convert it to safetensors)

      """
    ),
  ]

  @Test(arguments: rows.indices)
  func prints(_ row: Int) throws {
    let script = try Script()
    let fixture = TestFiles.fixture("checkpoint.pt")
    let output = try script.run("local fixture = '\(fixture)'\n" + Self.rows[row].source)
    let stable = output.replacing(/2, 2\]: .*?\t/, with: "2, 2]: <values>\t")
      .replacing(/'\/tmp\/[^']*'/, with: "'x'")
    #expect(stable == Self.rows[row].output)
  }
}
