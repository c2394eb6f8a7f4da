// ClipModels: see ARCHITECTURE.md.
