internal import AttackPlans
internal import Files
internal import Tensors

// Pictures of some samples, for the report and, where a record grows, on disk.

extension EvaluationRun {
  func keepClean(_ part: BatchPart, _ scores: [Score]) throws {
    for (place, sample) in places(in: part) {
      let index = sample - part.first
      let image = try part.images.selected(0, index).cloned()
      try finish(0, KeptPicture(place: place, prediction: scores[index].prediction, image: image))
    }
  }

  /// Keeps the pictured samples of a row, on disk too where a record does.
  ///
  /// - Parameter samples: what became of them, in the order of `images`.
  func keepPictures(
    _ part: BatchPart, _ index: Int, _ images: Tensor, _ samples: [SampleRecord]
  ) throws {
    for (place, sample) in places(in: part) {
      guard let position = samples.firstIndex(where: { $0.id == part.ids[sample - part.first] }),
        let prediction = samples[position].prediction
      else { continue }
      let image = try images.selected(0, position).cloned()
      try finish(index, KeptPicture(place: place, prediction: prediction, image: image))
    }
  }

  func restorePictures(_ part: BatchPart, _ index: Int) throws {
    guard let folder = evaluation.output else { return }
    for (place, sample) in places(in: part) {
      let path = picturePath(folder, index, sample)
      guard let prediction = rows[index].samples[sample].prediction, FileReader.exists(path),
        let image = try? Safetensors.load(path).tensors["image"]
      else { continue }
      try finish(
        index, KeptPicture(place: place, prediction: prediction, image: image), isRestored: true)
    }
  }

  private func places(in part: BatchPart) -> [(place: Int, sample: Int)] {
    pictured.enumerated().filter { (part.first..<part.first + part.count).contains($0.element) }
      .map { ($0.offset, $0.element) }
  }

  private func finish(_ row: Int, _ picture: KeptPicture, isRestored: Bool = false) throws {
    try finish(
      FinishedPart(row: row, label: rows[row].label, picture: picture, isRestored: isRestored))
  }

  /// Takes a picture into the report.
  func keep(_ picture: KeptPicture, row: Int) {
    guard row > 0 else {
      let clean = rows[0].samples[pictured[picture.place]]
      pictures[picture.place] = PictureRow(
        id: clean.id, label: clean.label, image: picture.image, prediction: picture.prediction)
      return
    }
    pictures[picture.place]?.attacked.append(
      (rows[row].label, picture.image, picture.prediction))
  }

  /// Writes the picture of an attacked image beside the record.
  func save(_ picture: KeptPicture, row: Int) throws {
    guard row > 0, let folder = evaluation.output else { return }
    try FileReader.makeDirectory(folder + "/pictures")
    try Safetensors.save(
      ["image": picture.image], metadata: [:],
      to: picturePath(folder, row, pictured[picture.place]))
  }

  private func picturePath(_ folder: String, _ index: Int, _ sample: Int) -> String {
    "\(folder)/pictures/\(FileNames.plain(rows[index].label))-\(index)-\(sample).safetensors"
  }
}
