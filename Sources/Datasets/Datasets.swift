// Datasets: see ARCHITECTURE.md.
