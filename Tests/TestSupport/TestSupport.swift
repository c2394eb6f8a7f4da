// Comparisons and fixtures shared by the tests.
