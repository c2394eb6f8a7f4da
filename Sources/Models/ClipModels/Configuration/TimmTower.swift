internal import Tensors

/// An image tower of timm as its registry defines it.
///
/// Towers of one size differ in their activation: those that came with SigLIP 2 and the multilingual
/// models have the tanh approximation of GELU, the others exact GELU, and no file says so.
struct TimmTower: Sendable {
  let name: String
  let activation: Activation
  let width: Int
  let layers: Int
  let heads: Int
  let hidden: Int
  let patchSize: Int
  let imageSize: Int

  /// Patch and side stand in the name: `vit_base_patch16_siglip_224`.
  private init(
    _ name: String, _ activation: Activation, _ width: Int, _ layers: Int, _ heads: Int,
    _ hidden: Int
  ) {
    self.name = name
    self.activation = activation
    self.width = width
    self.layers = layers
    self.heads = heads
    self.hidden = hidden
    let parts = name.split(separator: "_")
    patchSize = parts.first { $0.hasPrefix("patch") }.flatMap { Int($0.dropFirst(5)) } ?? 16
    imageSize = parts.last.flatMap { Int($0) } ?? 224
  }

  /// timm 1.0.31's `vit_*_siglip_*` with a pooling head: name, activation, width, layers, heads, hidden
  /// width (`scripts/reference/configurations.py` compares them).
  static let siglips = [
    TimmTower("vit_base_patch32_siglip_256", .tanhGELU, 768, 12, 12, 3072),
    TimmTower("vit_base_patch16_siglip_224", .gelu, 768, 12, 12, 3072),
    TimmTower("vit_base_patch16_siglip_256", .gelu, 768, 12, 12, 3072),
    TimmTower("vit_base_patch16_siglip_384", .gelu, 768, 12, 12, 3072),
    TimmTower("vit_base_patch16_siglip_512", .gelu, 768, 12, 12, 3072),
    TimmTower("vit_large_patch16_siglip_256", .gelu, 1024, 24, 16, 4096),
    TimmTower("vit_large_patch16_siglip_384", .gelu, 1024, 24, 16, 4096),
    TimmTower("vit_large_patch16_siglip_512", .tanhGELU, 1024, 24, 16, 4096),
    TimmTower("vit_so400m_patch14_siglip_224", .gelu, 1152, 27, 16, 4304),
    TimmTower("vit_so400m_patch14_siglip_378", .gelu, 1152, 27, 16, 4304),
    TimmTower("vit_so400m_patch14_siglip_384", .gelu, 1152, 27, 16, 4304),
    TimmTower("vit_so400m_patch16_siglip_256", .tanhGELU, 1152, 27, 16, 4304),
    TimmTower("vit_so400m_patch16_siglip_384", .tanhGELU, 1152, 27, 16, 4304),
    TimmTower("vit_so400m_patch16_siglip_512", .tanhGELU, 1152, 27, 16, 4304),
    TimmTower("vit_giantopt_patch16_siglip_256", .tanhGELU, 1536, 40, 16, 6144),
    TimmTower("vit_giantopt_patch16_siglip_384", .tanhGELU, 1536, 40, 16, 6144),
  ]
}
