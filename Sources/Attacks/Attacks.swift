// Attacks: see ARCHITECTURE.md.
