// Archives: see ARCHITECTURE.md.
