/// The keys of open_clip's configurations: the fields of its classes `CLIP`, `CLIPVisionCfg` and
/// `CLIPTextCfg` up to version 3.3, which takes no others, and what its published files add.
enum OpenCLIPKeys {
  static let top = [
    "embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "init_logit_scale", "init_logit_bias",
    "nonscalar_logit_scale", "custom_text", "cast_dtype", "output_dict", "multimodal_cfg",
    "preprocess_cfg", "hf_model_name", "tokenizer_cfg",
  ]

  static let vision =
    [
      "layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size", "ls_init_value",
      "patch_dropout", "attentional_pool", "attn_pooler_queries", "attn_pooler_heads", "no_ln_pre",
      "pos_embed_type", "final_ln_after_pool", "pool_type", "output_tokens", "act_kwargs",
      "norm_kwargs", "timm_model_name", "timm_model_pretrained", "timm_pool", "timm_proj",
      "timm_proj_bias", "timm_drop", "timm_drop_path", "n_queries", "block_type",
    ] + variants

  static let text =
    [
      "context_length", "vocab_size", "hf_tokenizer_name", "tokenizer_mode", "tokenizer_kwargs",
      "width", "heads", "layers", "mlp_ratio", "ls_init_value", "embed_cls", "pad_id", "eos_id",
      "no_causal_mask", "final_ln_after_pool", "pool_type", "proj_bias", "proj_type",
      "output_tokens", "act_kwargs", "norm_kwargs", "block_type", "hf_model_name",
      "hf_model_pretrained", "hf_proj_type", "hf_pooler_type",
    ] + variants

  /// Those that ask for a block that Kilpi does not build, unless null or false.
  static let variants = [
    "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc",
    "attentional_pool", "ls_init_value", "input_patchnorm", "global_average_pool",
  ]
}
