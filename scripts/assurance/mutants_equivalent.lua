-- Generated mutants that no test can tell from the program: the line, what it was made into, why.
return {
  {
    old = "if isSolved { high = min(high, value) } else { low = max(low, value) }",
    new = "if isSolved { high = min(high, value) } else { low = (value) }",
    why = "a bisection's next value lies above the one that failed",
  },
  {
    old = "weights[$0] == weights[$1] ? $0 < $1 : weights[$0] > weights[$1]",
    new = "weights[$0] == weights[$1] ? $0 >= $1 : weights[$0] > weights[$1]",
    why = "pixels of one weight fill up in another order, to the same distance",
  },
  {
    old = "return a == b ? $0 < $1 : a > b", new = "return a == b ? $0 >= $1 : a > b",
    why = "classes of one score are tried in another order",
  },
  {
    old = "let isUpper = stream.uniform() < 0.5", new = "let isUpper = stream.uniform() >= 0.5",
    why = "a fair coin read the other way",
  },
}
