// Notebook: see ARCHITECTURE.md.
