internal import Attacks

/// Where a text attack takes its candidate words from, and how it searches.
///
/// Defaults: docs/methods/text-attacks.md, section 3.1.
package enum TextAttackMethod: String, Sendable, CaseIterable {
  /// A masked language model (BERT-Attack, arXiv:2004.09984).
  case bert
  /// Synonyms of WordNet.
  case synonym
  /// Nearest tokens in the masked language model's embedding where one is given, else in CLIP's.
  case embedding
  /// Character edits: all sites, then all symbols (arXiv:2405.04346).
  case char
  /// Beam search over the sources that greedy has when no method is named.
  case beam
  /// A genetic search over them.
  case genetic
  /// Every combination of them.
  case exhaustive

  /// The sources that the method stands for; nil where it names a search alone.
  var sources: [TextCandidateSource]? {
    switch self {
    case .bert: return [.mlm]
    case .synonym: return [.wordnet]
    case .embedding: return [.embed]
    case .char: return [.chars]
    case .beam, .genetic, .exhaustive: return nil
    }
  }

  /// The search that the method stands for; nil where it names a source alone.
  var search: TextSearch? { TextSearch.all.first { $0.name == rawValue } }
}

/// Where candidates come from (docs/methods/text-attacks.md, section 3.5).
package enum TextCandidateSource: String, Sendable, CaseIterable {
  /// A masked language model.
  case mlm
  /// Synonyms of WordNet.
  case wordnet
  /// Nearest tokens in an embedding: the masked language model's where one is given, else CLIP's.
  case embed
  /// Character edits.
  case chars
}
