package import Attacks
package import Files

/// A multimodal attack with everything that fixes its result, as scripts and evaluations take it.
@dynamicMemberLookup
package struct MultimodalSpecification {
  /// How image and text attack are put together.
  package var method: MultimodalMethod
  package var image: ImageAttackSpecification
  package var text: TextAttackSpecification
  /// What the method may be told.
  package var parameters = MultimodalParameters()
  /// What the image attack aims at; nil: any class but the label.
  package var targets: TargetChoice?
  /// A name of its own; nil for those of both attacks.
  package var title: String?

  /// Puts two attacks together.
  package init(
    _ method: MultimodalMethod, image: ImageAttackSpecification, text: TextAttackSpecification
  ) {
    self.method = method
    self.image = image
    self.text = text
  }

  /// Every image attack with every text attack, by every method.
  package static func all(
    images: [ImageAttackSpecification], texts: [TextAttackSpecification],
    methods: [MultimodalMethod] = [.independent, .adaptive]
  ) -> [MultimodalSpecification] {
    methods.flatMap { method in
      images.flatMap { image in
        texts.map { MultimodalSpecification(method, image: image, text: $0) }
      }
    }
  }

  /// The name in tables.
  package var name: String { title ?? image.name + " + " + text.name }

  /// One of its parameters.
  package subscript<Value>(
    dynamicMember path: WritableKeyPath<MultimodalParameters, Value>
  ) -> Value {
    get { parameters[keyPath: path] }
    set { parameters[keyPath: path] = newValue }
  }

  /// How often the image attack runs, at most; a look at scaled copies counts for each of them.
  package var imageRuns: Int { method.imageRuns(parameters) }

  /// All parameters, for records.
  package var record: JSONValue {
    var members: [JSONValue.Member] = [
      .init("method", .string(method.rawValue)), .init("image", image.record),
      .init("text", text.record),
    ]
    if method == .worst {
      let methods = parameters.methods.map { JSONValue.string($0.rawValue) }
      members.append(.init("methods", methods.isEmpty ? "all that fit" : .array(methods)))
    }
    let uses = method.members(parameters)
    let names = Set(uses.flatMap(\.parameterNames))
    members += parameters.recordedParameters.filter { names.contains($0.key) }
    if parameters.followsRelease, uses.contains(.sga), let released = try? text.released?() {
      members.append(.init("sga_text", released.record))
    }
    return .object(members)
  }

  /// The attack over closures of a text side.
  func attack(_ steps: TextSteps) -> MultimodalAttack {
    var attack = MultimodalAttack(
      method, image: ImageStep(image.attack, image.settings), text: steps)
    attack.parameters = parameters
    attack.targets = targets
    return attack
  }
}
