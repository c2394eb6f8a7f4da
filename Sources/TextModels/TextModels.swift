// TextModels: see ARCHITECTURE.md.
