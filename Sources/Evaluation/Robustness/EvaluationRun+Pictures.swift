internal import Files
internal import Processes
internal import Tensors

// Pictures of some samples, for the report and, where a record grows, on disk.

extension EvaluationRun {
  func keepClean(_ part: BatchPart, _ scores: [Score]) throws {
    for (place, sample) in places(in: part) {
      let index = sample - part.first
      let image = try part.images.selected(0, index).cloned()
      try keep(
        KeptPicture(place: place, row: 0, prediction: scores[index].prediction, image: image))
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
      try keep(KeptPicture(place: place, row: index, prediction: prediction, image: image))
    }
  }

  func restorePictures(_ part: BatchPart, _ index: Int) throws {
    guard let folder = evaluation.output else { return }
    for (place, sample) in places(in: part) {
      let path = picturePath(folder, index, sample)
      guard let prediction = rows[index].samples[sample].prediction, FileReader.exists(path),
        let image = try? Safetensors.load(path).tensors["image"]
      else { continue }
      try keep(
        KeptPicture(
          place: place, row: index, prediction: prediction, image: image, isRestored: true))
    }
  }

  private func places(in part: BatchPart) -> [(place: Int, sample: Int)] {
    pictured.enumerated().filter { (part.first..<part.first + part.count).contains($0.element) }
      .map { ($0.offset, $0.element) }
  }

  /// Takes a picture into the report; the first process writes it, too.
  func keep(_ picture: KeptPicture, tells: Bool = true) throws {
    let sample = pictured[picture.place]
    if picture.row == 0 {
      let clean = rows[0].samples[sample]
      pictures[picture.place] = PictureRow(
        id: clean.id, label: clean.label, image: picture.image, prediction: picture.prediction)
    } else {
      pictures[picture.place]?.attacked.append(
        (rows[picture.row].label, picture.image, picture.prediction))
      if record != nil, let folder = evaluation.output, processes.isRoot, !picture.isRestored {
        try FileReader.makeDirectory(folder + "/pictures")
        try Safetensors.save(
          ["image": picture.image], metadata: [:],
          to: picturePath(folder, picture.row, sample))
      }
    }
    if tells, processes.size > 1 { finished.append(FinishedPart(picture: picture)) }
  }

  private func picturePath(_ folder: String, _ index: Int, _ sample: Int) -> String {
    "\(folder)/pictures/\(FileNames.plain(rows[index].label))-\(index)-\(sample).safetensors"
  }
}
