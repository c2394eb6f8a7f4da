@testable import LuaBindings

extension ErrorTests {
  static let views: [ErrorCase] = [
    ErrorCase(
      #"tensor.zeros{2, 3}:matmul(tensor.zeros{4, 5})"#,
      #"matmul: inner sizes differ: [2, 3] x [4, 5] has 3 and 4 (transpose one of them?)"#),
    ErrorCase(
      #"return tensor.zeros{2, 3} + tensor.zeros{4}"#,
      #"+: shapes [2, 3] and [4] do not broadcast (sizes must agree from the last axis on, or "#
        + #"be 1)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:sum{axis = 0}"#,
      #"sum: there is no axis 0 in [2, 3] (axes count from 1; -1 is the last)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:sum(0)"#,
      #"sum: there is no axis 0 in [2, 3] (axes count from 1; -1 is the last)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:sum{axis = 3}"#,
      #"sum: there is no axis 3 in [2, 3] (axes count from 1; -1 is the last)"#),
    ErrorCase(#"tensor.zeros{2, 3}:sum{axis = {1, 1}}"#, #"sum: an axis is named twice in [1, 1]"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:max{axis = {1, 2}}"#,
      #"max: option 'axis' must be one axis here"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:size(0)"#,
      #"size: there is no axis 0 in [2, 3] (axes count from 1; -1 is the last)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:softmax(-3)"#,
      #"softmax: there is no axis -3 in [2, 3] (axes count from 1; -1 is the last)"#),
    ErrorCase(#"tensor.zeros{2, 3}:topk(9)"#, #"topk: k is 9, the axis has 3 entries"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:topk(2, {axes = 1})"#,
      #"topk: unknown option 'axes' (did you mean 'axis'?)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:transpose(1, 5)"#,
      #"transpose: there is no axis 5 in [2, 3] (axes count from 1; -1 is the last)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:permute{1, 1}"#,
      #"permute: [1, 1] does not name each of the 2 axes once"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:reshape{4, 2}"#,
      #"reshape: [2, 3] has 6 elements, [4, 2] has 8"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:reshape{-1, 4}"#,
      #"reshape: 6 elements do not fit the shape [-1, 4]"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:expand{3, 3}"#,
      #"expand: [2, 3] does not stretch to [3, 3]"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:unsqueeze(4)"#,
      #"unsqueeze: there is no place 4 for a new axis in [2, 3] (places are 1 … 3, -1 is "#
        + #"behind the last)"#),
    ErrorCase(#"tensor.zeros{2, 3}:flatten(2, 1)"#, #"flatten: axis 2 comes after axis 1"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:narrow(2, 0, 1)"#,
      #"narrow: there is no index 0 in 1 … 3 (indices count from 1; -1 is the last)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:narrow(2, 3, 2)"#,
      #"narrow: 2 entries from 3 on do not fit the 3 of axis 2"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:index_select(1, {0})"#,
      #"index_select: there is no index 0 in 1 … 2 (indices count from 1; -1 is the last)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:index_select(1, {3})"#,
      #"index_select: there is no index 3 in 1 … 2 (indices count from 1; -1 is the last)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:index_select(1, tensor.zeros{2})"#,
      #"index_select: indices are float32, int64 is needed (convert with :to("int64"))"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:gather(2, {{4}, {1}})"#,
      #"gather: there is no index 4 in 1 … 3 (indices count from 1; -1 is the last)"#),
    ErrorCase(
      #"tensor.zeros{2, 3}:gather(2, {1, 2})"#,
      #"gather: indices have shape [2], which differs from [2, 3] beyond axis 2"#),
    ErrorCase(#"tensor.zeros{2, 3}:split(0)"#, #"split: the size 0 is not positive"#),
    ErrorCase(#"tensor.zeros{2, 3}:pad(1, -1, 0)"#, #"bad argument #2 to 'pad' (-1 is no size)"#),
    ErrorCase(
      #"return tensor.zeros{2, 3}[0]"#,
      #"index: there is no index 0 in 1 … 2 (indices count from 1; -1 is the last)"#),
    ErrorCase(
      #"return tensor.zeros{2, 3}[3]"#,
      #"index: there is no index 3 in 1 … 2 (indices count from 1; -1 is the last)"#),
    ErrorCase(
      #"return tensor.zeros{2, 3}[1.5]"#,
      #"index: a number is no index (write t[i] or t[{ {first, last}, j }])"#),
    ErrorCase(
      #"return tensor.zeros{2, 3}[{ 1, 2, 3 }]"#,
      #"index: 3 indices are too many for [2, 3]"#),
    ErrorCase(
      #"return tensor.zeros{2, 3}[{ {1} }]"#,
      #"index: a range is {first, last}, or {} for a whole axis"#),
    ErrorCase(
      #"return tensor.zeros{2, 3}[true]"#,
      #"index: a boolean is no index (write t[i] or t[{ {first, last}, j }])"#),
    ErrorCase(
      #"tensor.zeros{2, 3}[1] = tensor.zeros{4}"#,
      #"index: [4] does not stretch to [3]"#),
    ErrorCase(
      #"tensor.zeros{2, 3}[1] = "x""#,
      #"bad argument #3 to 'newindex' (tensor expected, got string)"#),
    ErrorCase(#"tensor.zeros{2, 3}.shape = 1"#, #"tensor: there is no field or method 'shape'"#),
    ErrorCase(
      #"tensor.kl_div(tensor.zeros{2, 3}, tensor.zeros{2, 4})"#,
      #"tensor.kl_div: shapes [2, 3] and [2, 4] do not broadcast (sizes must agree from the "#
        + #"last axis on, or be 1)"#),
  ]
}
