internal import CInterrupt
internal import CKernels
internal import COpenBLAS

/// Convolution of images `[samples, channels, height, width]` with square kernels, as products.
///
/// `y[o, p] = Σ_k W[o, k] · columns[k, p]`: bands of output rows are unfolded into a buffer that stays
/// in cache, each product single-threaded, bands spread over the pool. A kernel of one pixel with
/// stride 1 needs no unfolding. Bands depend on the shapes alone, so a sample's result depends neither
/// on the batch nor on the thread count.
public struct Convolution {
  /// Number of images.
  public var samples: Int
  /// Channels, height and width of an input image.
  public var input: (channels: Int, height: Int, width: Int)
  /// Channels, height and width of the result.
  public var output: (channels: Int, height: Int, width: Int)
  /// Side of the kernel.
  public var kernel: Int
  /// Pixels from one output to the next.
  public var stride: Int
  /// Zeros around the image.
  public var padding: Int

  /// Describes the shapes.
  public init(
    samples: Int, input: (channels: Int, height: Int, width: Int),
    output: (channels: Int, height: Int, width: Int), kernel: Int, stride: Int, padding: Int
  ) {
    self.samples = samples
    self.input = input
    self.output = output
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
  }

  /// Numbers of a column buffer at most: 1 MB in float32.
  private static var bufferLimit: Int { 1 << 18 }

  private var depth: Int { input.channels * kernel * kernel }
  private var inputSize: Int { input.channels * input.height * input.width }
  private var places: Int { output.height * output.width }
  private var isPointwise: Bool { kernel == 1 && stride == 1 && padding == 0 }
  /// Output rows a band.
  private var bandRows: Int {
    max(1, min(output.height, Self.bufferLimit / max(depth * output.width, 1)))
  }

  private func window(first: Int, rows: Int) -> kilpi_window {
    kilpi_window(
      channels: input.channels, height: input.height, width: input.width, kernel: kernel,
      stride: stride, padding: padding, columns: output.width, first: first, rows: rows)
  }

  /// Calls `body` with a band's columns: where they lie, their row stride, the first place and how many.
  private func withColumns<Scalar: KernelScalar>(
    _ x: UnsafePointer<Scalar>, first: Int, rows: Int,
    _ body: (UnsafePointer<Scalar>, _ stride: Int, _ start: Int, _ count: Int) -> Void
  ) {
    let (start, count) = (first * output.width, rows * output.width)
    if isPointwise { return body(x + start, places, start, count) }
    let columns = UnsafeMutablePointer<Scalar>.allocate(capacity: max(depth * count, 1))
    defer { columns.deallocate() }
    kilpi_unfold(Scalar.code, x, columns, window(first: first, rows: rows))
    body(columns, count, start, count)
  }

  /// `y = W · columns`, without bias.
  ///
  /// - Returns: false when an interrupt stopped it.
  public func forward<Scalar: KernelScalar>(
    _: Scalar.Type, _ x: UnsafeRawPointer, weight: UnsafeRawPointer,
    into y: UnsafeMutableRawPointer
  ) -> Bool {
    let x = x.assumingMemoryBound(to: Scalar.self)
    let weight = weight.assumingMemoryBound(to: Scalar.self)
    let y = y.assumingMemoryBound(to: Scalar.self)
    BLAS.prepare()
    let rows = bandRows
    let bands = (output.height + rows - 1) / rows
    WorkerPool.run(tasks: samples * bands) { task in
      if kilpi_interrupt_pending() { return }
      let (sample, first) = (task / bands, task % bands * rows)
      let count = min(rows, output.height - first)
      withColumns(x + sample * inputSize, first: first, rows: count) { columns, ld, start, n in
        Scalar.taskProduct(
          false, false, output.channels, n, depth, 1, weight, depth, columns, ld, 0,
          y + sample * output.channels * places + start, places)
      }
    }
    return !kilpi_interrupt_pending()
  }

  /// The gradient with respect to the images: `Wᵀ · g`, folded back.
  ///
  /// `target` holds zeros.
  public func inputGradient<Scalar: KernelScalar>(
    _: Scalar.Type, _ g: UnsafeRawPointer, weight: UnsafeRawPointer,
    into target: UnsafeMutableRawPointer
  ) -> Bool {
    let g = g.assumingMemoryBound(to: Scalar.self)
    let weight = weight.assumingMemoryBound(to: Scalar.self)
    let target = target.assumingMemoryBound(to: Scalar.self)
    BLAS.prepare()
    let rows = bandRows
    WorkerPool.run(tasks: samples) { sample in
      let g = g + sample * output.channels * places
      let target = target + sample * inputSize
      if isPointwise {
        if kilpi_interrupt_pending() { return }
        Scalar.taskProduct(
          true, false, depth, places, output.channels, 1, weight, depth, g, places, 0, target,
          places)
        return
      }
      let columns = UnsafeMutablePointer<Scalar>.allocate(
        capacity: max(depth * rows * output.width, 1))
      defer { columns.deallocate() }
      for first in Swift.stride(from: 0, to: output.height, by: rows) {
        if kilpi_interrupt_pending() { return }
        let count = min(rows, output.height - first)
        let n = count * output.width
        Scalar.taskProduct(
          true, false, depth, n, output.channels, 1, weight, depth, g + first * output.width,
          places, 0, columns, n)
        kilpi_fold(Scalar.code, columns, target, window(first: first, rows: count))
      }
    }
    return !kilpi_interrupt_pending()
  }

  /// The gradient with respect to the weight: the sum over samples of `g · columnsᵀ`.
  ///
  /// Samples are summed in `parts` fixed shares, one after another, so that the thread count changes
  /// nothing. `partial` has room for `parts` weights and is overwritten; the sum of the shares is the
  /// result, which the caller forms.
  public func weightGradient<Scalar: KernelScalar>(
    _: Scalar.Type, _ g: UnsafeRawPointer, _ x: UnsafeRawPointer,
    partial: UnsafeMutableRawPointer, parts: Int
  ) -> Bool {
    let g = g.assumingMemoryBound(to: Scalar.self)
    let x = x.assumingMemoryBound(to: Scalar.self)
    let partial = partial.assumingMemoryBound(to: Scalar.self)
    BLAS.prepare()
    let rows = bandRows
    let share = (samples + parts - 1) / parts
    let size = output.channels * depth
    WorkerPool.run(tasks: parts) { part in
      let target = partial + part * size
      target.update(repeating: 0, count: size)
      for sample in min(part * share, samples)..<min((part + 1) * share, samples) {
        for first in Swift.stride(from: 0, to: output.height, by: rows) {
          if kilpi_interrupt_pending() { return }
          let count = min(rows, output.height - first)
          withColumns(x + sample * inputSize, first: first, rows: count) { columns, ld, start, n in
            Scalar.taskProduct(
              false, true, output.channels, depth, n, 1,
              g + sample * output.channels * places + start, places, columns, ld, 1, target, depth)
          }
        }
      }
    }
    return !kilpi_interrupt_pending()
  }
}
