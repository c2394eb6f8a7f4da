// Training: see ARCHITECTURE.md.
