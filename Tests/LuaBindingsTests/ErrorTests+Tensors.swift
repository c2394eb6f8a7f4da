@testable import LuaBindings

extension ErrorTests {
  static let tensors = tensors1 + tensors2

  private static let tensors1: [ErrorCase] = [
    ErrorCase(
      #"return tensor.zeros{2}.sun"#,
      #"tensor: there is no field or method 'sun' (did you mean 'sin'?)"#),
    ErrorCase(
      #"tensor.zeros{2}:relo()"#,
      #"tensor: there is no field or method 'relo' (did you mean 'relu'?)"#),
    ErrorCase(
      #"return tensor.zeros{2} < tensor.zeros{2}"#,
      #"<: tensors have no order (a:lt(b) compares elements)"#),
    ErrorCase(
      #"return tensor.zeros{2} <= 3"#,
      #"<=: tensors have no order (a:le(b) compares elements)"#),
    ErrorCase(
      #"return tensor.zeros{2} .. "x""#,
      #"..: tensors are not text (tensor.cat joins tensors, tostring gives text)"#),
    ErrorCase(#"return #tensor.zeros{}"#, #"#: a tensor without axes has no length (use item())"#),
    ErrorCase(
      #"return tensor.zeros{2} + nil"#,
      #"bad argument #2 to '+' (tensor or number expected, got nil)"#),
    ErrorCase(
      #"return tensor.zeros{2} + "3""#,
      #"bad argument #2 to '+' (tensor or number expected, got string)"#),
    ErrorCase(
      #"return {} * tensor.zeros{2}"#,
      #"bad argument #1 to '*' (tensor or number expected, got table)"#),
    ErrorCase(
      #"tensor.zeros{2}:item()"#,
      #"item: the tensor [2] has 2 elements, not one (reduce it first, or index one element)"#),
    ErrorCase(
      #"tensor.zeros{2}:matmul(nil)"#,
      #"bad argument #1 to 'matmul' (tensor expected, got nil)"#),
    ErrorCase(
      #"tensor.zeros{2}:matmul(3)"#,
      #"bad argument #1 to 'matmul' (tensor expected, got number)"#),
    ErrorCase(
      #"tensor.zeros{2}:to("float23")"#,
      #"to: there is no element type 'float23' (did you mean 'float32'?)"#),
    ErrorCase(
      #"tensor.zeros{2}:to("int32")"#,
      #"to: there is no element type 'int32' (there are float32, float64, int64)"#),
    ErrorCase(
      #"tensor.zeros({2}, {dtype = "float16"})"#,
      #"tensor.zeros: option 'dtype' must be one of "float32", "float64", "int64", got "#
        + #""float16""#),
    ErrorCase(
      #"tensor.zeros({2}, {dtyp = "float64"})"#,
      #"tensor.zeros: unknown option 'dtyp' (did you mean 'dtype'?)"#),
    ErrorCase(#"tensor.zeros{-1}"#, #"tensor.zeros: a size is negative: [-1]"#),
    ErrorCase(
      #"tensor.zeros{1e9, 1e9}"#,
      #"tensor.zeros: the shape [1000000000, 1000000000] is too large"#),
    ErrorCase(
      #"tensor.zeros{"2"}"#,
      #"bad argument #1 to 'zeros' (table of integers expected, got string at [1])"#),
    ErrorCase(
      #"tensor.zeros{2.5}"#,
      #"bad argument #1 to 'zeros' (table of integers expected, got number at [1])"#),
    ErrorCase(#"tensor.zeros()"#, #"bad argument #1 to 'zeros' (table expected, got no value)"#),
    ErrorCase(#"tensor.zeros("2")"#, #"bad argument #1 to 'zeros' (integer expected, got string)"#),
    ErrorCase(#"tensor.full({2})"#, #"bad argument #2 to 'full' (number expected, got no value)"#),
    ErrorCase(
      #"tensor.full({2}, 1.5, {dtype = "int64"})"#,
      #"tensor.full: 1.5 is not an integer, the tensor is int64"#),
    ErrorCase(#"tensor.eye(-1)"#, #"bad argument #1 to 'eye' (-1 is no size)"#),
    ErrorCase(
      #"tensor.eye(2.5)"#,
      #"bad argument #1 to 'eye' (number has no integer representation)"#),
    ErrorCase(#"tensor.arange(1, 2, 0)"#, #"tensor.arange: steps of 0 do not lead from 1 to 2"#),
    ErrorCase(
      #"tensor.arange(1, 5, "x")"#,
      #"bad argument #3 to 'arange' (number expected, got string)"#),
    ErrorCase(
      #"tensor.linspace(0, 1)"#,
      #"bad argument #3 to 'linspace' (integer expected, got no value)"#),
    ErrorCase(
      #"tensor.from{{1, 2}, {3}}"#,
      #"bad argument #1 to 'from' (value[2] has 1 elements, others have 2)"#),
    ErrorCase(
      #"tensor.from{{1, 2}, 3}"#,
      #"bad argument #1 to 'from' (value[2] must be a list of 2, got number)"#),
    ErrorCase(
      #"tensor.from{1, "a"}"#,
      #"bad argument #1 to 'from' (value[2] must be a number, got string)"#),
    ErrorCase(
      #"tensor.from{1, nil, 3}"#,
      #"bad argument #1 to 'from' (value[2] must be a number, got nil)"#),
    ErrorCase(
      #"tensor.from("x")"#,
      #"bad argument #1 to 'from' (table of numbers expected, got string)"#),
    ErrorCase(
      #"tensor.from({1.5}, {dtype = "int64"})"#,
      #"tensor.from: 1.5 is not an integer, the tensor is int64"#),
    ErrorCase(
      #"tensor.rand({2}, {dtype = "int64"})"#,
      #"tensor.rand: option 'dtype' must be one of "float32", "float64", got "int64""#),
    ErrorCase(
      #"tensor.rand({2}, {seed = 1.5})"#,
      #"tensor.rand: option 'seed' must be an integer, got 1.5"#),
    ErrorCase(#"tensor.cat({})"#, #"tensor.cat: the list of tensors is empty"#),
    ErrorCase(
      #"tensor.cat{tensor.zeros{2}, tensor.zeros{2, 2}}"#,
      #"tensor.cat: tensor 2 is float32 [2, 2], tensor 1 is float32 [2] (all sizes but that "#
        + #"of the joined axis must agree)"#),
    ErrorCase(
      #"tensor.cat({tensor.zeros{2}}, 2)"#,
      #"tensor.cat: there is no axis 2 in [2] (axes count from 1; -1 is the last)"#),
  ]

  private static let tensors2: [ErrorCase] = [
    ErrorCase(
      #"tensor.cat{1, 2}"#,
      #"bad argument #1 to 'cat' (table of tensors expected, got number at [1])"#),
    ErrorCase(
      #"tensor.stack{tensor.zeros{2}, tensor.zeros{3}}"#,
      #"tensor.stack: tensor 2 is [3], tensor 1 is [2]"#),
    ErrorCase(
      #"tensor.cross_entropy(tensor.zeros{2, 3}, {1, 0})"#,
      #"tensor.cross_entropy: labels[2] is 0, classes are 1 … 3 (labels count from 1)"#),
    ErrorCase(
      #"tensor.cross_entropy(tensor.zeros{2, 3}, {1, 4})"#,
      #"tensor.cross_entropy: labels[2] is 4, classes are 1 … 3 (labels count from 1)"#),
    ErrorCase(
      #"tensor.cross_entropy(tensor.zeros{2, 3}, {1})"#,
      #"tensor.cross_entropy: logits [2, 3] and labels [1] do not fit (logits are [N, C], "#
        + #"labels [N])"#),
    ErrorCase(
      #"tensor.cross_entropy(tensor.zeros{2, 3}, tensor.from{1, 1.5})"#,
      #"tensor.cross_entropy: labels[2] is 1.5, not an integer"#),
    ErrorCase(
      #"tensor.cross_entropy(tensor.zeros{2, 3}, tensor.zeros{2, 3})"#,
      #"tensor.cross_entropy: labels has shape [2, 3], one axis is needed"#),
    ErrorCase(
      #"tensor.cross_entropy(tensor.zeros{3}, {1})"#,
      #"tensor.cross_entropy: logits have shape [3] (logits are [N, C])"#),
    ErrorCase(
      #"tensor.cross_entropy(tensor.zeros{2, 3}, "x")"#,
      #"bad argument #2 to 'cross_entropy' (tensor or table of integers expected, got string)"#),
    ErrorCase(
      #"tensor.cross_entropy(tensor.zeros{2, 3}, {1, 1}, {reduction = "avg"})"#,
      #"tensor.cross_entropy: option 'reduction' must be one of "mean", "sum", "none", got "avg""#),
    ErrorCase(
      #"tensor.mse(tensor.zeros{2}, tensor.zeros{3})"#,
      #"tensor.mse: shapes [2] and [3] do not broadcast (sizes must agree from the last axis "#
        + #"on, or be 1)"#),
    ErrorCase(
      #"tensor.zeros{2}:clamp(2, 1)"#,
      #"clamp: the low bound 2 lies above the high bound 1"#),
    ErrorCase(
      #"tensor.zeros{2}:clamp("a")"#,
      #"bad argument #1 to 'clamp' (number expected, got string)"#),
    ErrorCase(
      #"tensor.zeros({2}, {dtype = "int64"}):exp()"#,
      #"exp: int64 tensors are not supported here (convert with to("float32"))"#),
    ErrorCase(
      #"tensor.zeros({2}, {dtype = "int64"}):norm()"#,
      #"norm: int64 tensors are not supported here (convert with to("float32"))"#),
    ErrorCase(#"tensor.zeros{0}:max()"#, #"max: the tensor is empty"#),
    ErrorCase(#"tensor.zeros{0}:argmax()"#, #"argmax: the tensor is empty"#),
    ErrorCase(#"tensor.zeros{2, 0}:max{axis = 2}"#, #"max: axis 2 of [2, 0] is empty"#),
  ]
}
