// Networks: see ARCHITECTURE.md.
