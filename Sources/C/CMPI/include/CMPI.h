/* Open MPI, opened at run time: only in a process that mpirun started. One thread calls this. */
#ifndef KILPI_MPI_H
#define KILPI_MPI_H
#include <stdbool.h>
#include <stddef.h>

/* How a call ended. */
enum {
  KILPI_MPI_DONE = 0,
  KILPI_MPI_MISSING = 1,     /* the library cannot be opened, or lacks a function */
  KILPI_MPI_FAILED = 2,      /* the library said no */
  KILPI_MPI_GAVE_UP = 3,     /* an interrupt came and the others did not answer in time */
};

/* Number of processes that mpirun started this one with, from the environment; 0 without mpirun. */
int kilpi_mpi_announced_size(void);
/* This process's number among them, from the environment; 0 without mpirun. */
int kilpi_mpi_announced_rank(void);
/* Opens the library and joins the others. SIGTERM, which mpirun sends on Ctrl-C, then counts as a
   press of Ctrl-C. Programs that this process starts are no part of the group. */
int kilpi_mpi_start(void);
/* Why the last call failed, in the library's or the loader's words; never NULL. */
const char *kilpi_mpi_problem(void);
int kilpi_mpi_rank(void);
int kilpi_mpi_size(void);
/* Version of the library, such as "4.1.4"; "" when it cannot be opened. Joins nothing. */
const char *kilpi_mpi_version(void);

/* Sends out[r], out_bytes[r] long, to each process r, and fills in[r] from it; all processes call it
   with fitting lengths, each below 2^31. The own part is copied. While it waits it gives the core
   away. An interrupt ends the wait `patience` seconds later; negative: after that time at the latest,
   interrupt or not. */
int kilpi_mpi_exchange(const void *const *out, const size_t *out_bytes, void *const *in,
                       const size_t *in_bytes, double patience);

/* Adds `processes` rows of `count` numbers, in order and in float64. */
void kilpi_mpi_sum_f32(const float *parts, size_t count, size_t processes, float *sum);
void kilpi_mpi_sum_f64(const double *parts, size_t count, size_t processes, double *sum);

/* Leaves the group in order; all processes call it. */
void kilpi_mpi_finish(void);

/* The cores that this process may use, a bit each; returns how many bytes were filled. */
size_t kilpi_mpi_cores(unsigned char *bits, size_t bytes);
/* Points standard output, and standard error too, to nowhere; returns a descriptor of what standard
   error was, or -1. */
int kilpi_mpi_silence(void);
#endif
