// Tensors: see ARCHITECTURE.md.
