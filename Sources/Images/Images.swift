// Images: see ARCHITECTURE.md.
