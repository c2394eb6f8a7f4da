@testable import LuaBindings

extension ErrorTests {
  static let gradients: [ErrorCase] = [
    ErrorCase(
      #"tensor.zeros{2, 3}.grad = tensor.zeros{2, 3}"#,
      #"grad: this tensor collects no gradient (call requires_grad_(true) on it first)"#),
    ErrorCase(
      #"local t = tensor.zeros{2}:requires_grad_(true); t[1] = 3"#,
      #"index: a tensor that records gradients cannot be changed in place (use "#
        + #"tensor.no_grad, or build a new tensor)"#),
    ErrorCase(
      #"tensor.zeros{2}:backward()"#,
      #"backward: nothing was recorded for this tensor (call requires_grad_(true) on an input "#
        + #"before computing)"#),
    ErrorCase(
      #"tensor.ones{2}:requires_grad_(true):square():backward()"#,
      #"backward: the tensor [2] has 2 elements (reduce it to one (sum or mean), or give its "#
        + #"gradient)"#),
    ErrorCase(
      #"local x = tensor.ones{2}:requires_grad_(true); local y = x:square():sum(); "#
        + #"y:backward(); y:backward()"#,
      #"backward: the recorded graph was freed by an earlier call (pass retain_graph = true "#
        + #"to the first call)"#),
    ErrorCase(
      #"tensor.grad(tensor.zeros{1}, {tensor.zeros{1}})"#,
      #"tensor.grad: input 1 does not require a gradient (call requires_grad_(true) on it "#
        + #"before computing)"#),
    ErrorCase(
      #"local x = tensor.ones{1}:requires_grad_(true); tensor.grad(x:sum(), {tensor.zeros{1}})"#,
      #"tensor.grad: input 1 does not require a gradient (call requires_grad_(true) on it "#
        + #"before computing)"#),
    ErrorCase(
      #"tensor.ones({2}, {dtype = "int64"}):requires_grad_(true)"#,
      #"requires_grad_: int64 tensors have no gradient (convert with to("float32"))"#),
    ErrorCase(
      #"tensor.gradcheck(function() return 1 end, tensor.ones{1})"#,
      #"tensor.gradcheck: the function gave a number, a tensor is needed"#),
    ErrorCase(
      #"tensor.gradcheck(function(x) return tensor.ones{1} end, tensor.ones{1})"#,
      #"tensor.gradcheck: the function's result does not depend on its inputs"#),
    ErrorCase(#"tensor.scope(3)"#, #"bad argument #1 to 'scope' (function expected, got number)"#),
    ErrorCase(
      #"tensor.no_grad(3)"#,
      #"bad argument #1 to 'no_grad' (function expected, got number)"#),
    ErrorCase(
      #"tensor.save("x.bin", tensor.zeros{1})"#,
      #"tensor.save: cannot tell the format of 'x.bin' (end the name in .safetensors, .npy or "#
        + #".npz)"#),
    ErrorCase(
      #"tensor.save("x.npy", {a = tensor.zeros{1}})"#,
      #"tensor.save: .npy holds one tensor, not several (end the name in .safetensors)"#),
    ErrorCase(
      #"tensor.save("x.safetensors", {a = 1})"#,
      #"bad argument #2 to 'save' (table of named tensors expected, got number at a)"#),
    ErrorCase(
      #"tensor.save("/no/such/dir/x.npy", tensor.zeros{1})"#,
      #"tensor.save: cannot write '/no/such/dir/x.npy': the folder is not there"#),
    ErrorCase(
      #"tensor.load("no.npy")"#,
      #"tensor.load: cannot read 'no.npy': there is no such file"#),
    ErrorCase(
      #"tensor.load("no.safetensors")"#,
      #"tensor.load: cannot read 'no.safetensors': there is no such file"#),
    ErrorCase(
      #"tensor.load("no")"#,
      #"tensor.load: cannot tell the format of 'no' (end the name in .safetensors, .npy, .npz, "#
        + #".pt, .pth, .pth.tar, .ckpt or .bin)"#),
    ErrorCase(
      #"tensor.load("no.npz")"#,
      #"tensor.load: cannot read 'no.npz': there is no such file"#),
    ErrorCase(
      #"tensor.load("no.pth.tar")"#,
      #"tensor.load: cannot read 'no.pth.tar': there is no such file"#),
    ErrorCase(
      #"tensor.save("x.npz", {["../a"] = tensor.zeros{1}})"#,
      #"tensor.save: '../a.npy' cannot be the name of a zip member"#),
    ErrorCase(
      #"local t = tensor.zeros{1}; t:release(); t:sum()"#,
      #"sum: this tensor was released (it was freed by release, close or scope)"#),
    ErrorCase(
      #"local t = tensor.zeros{1}; t:release(); return tensor.zeros{1}:matmul(t)"#,
      #"matmul: argument 1 was released (it was freed by release, close or scope)"#),
    ErrorCase(
      #"local t = tensor.zeros{1}; t:release(); return t + 1"#,
      #"+: argument 1 was released (it was freed by release, close or scope)"#),
  ]
}
