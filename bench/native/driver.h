// Lets the benchmark take turns with native kernels: commands come through stdin, answers go to stdout.
//   (at the start)               → the instruction set in use
//   load GROUPS HEIGHT WIDTH     then 2 · GROUPS · HEIGHT · WIDTH float32: pred, target
//   run KERNEL SAMPLES SECONDS   → the loss, then SAMPLES times in ms, each averaged over calls that take SECONDS
//   read                         → the gradient as raw float32
#define _POSIX_C_SOURCE 200112L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  const char *name;
  double (*call)(void);
} Kernel;

static float *pred, *target, *grad;
static long groups, height, width, size;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

static void run(double (*kernel)(void), int samples, double seconds) {
  volatile double loss = 0;
  long calls = 1;
  for (int sample = -1; sample < samples; sample++) {
    double start = now(), elapsed;
    for (long i = 0; i < calls; i++) loss = kernel();
    elapsed = now() - start;
    if (sample >= 0) {
      printf(" %.9g", elapsed / calls * 1e3);
    } else if (elapsed < seconds) {
      calls = calls * 2;
      sample--;
    } else {
      printf("%.17g", loss);
    }
  }
  printf("\n");
}

static float *allocate(void) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, groups * size * sizeof(float))) exit(1);
  memset(memory, 0, groups * size * sizeof(float));
  return memory;
}

static void fill(float *array) {
  if (fread(array, sizeof(float), groups * size, stdin) != (size_t)(groups * size)) exit(1);
}

// Serves commands until stdin ends; `kernels` ends with a NULL name.
static int drive(const char *isa, const Kernel *kernels) {
  char line[128], name[16];
  int samples;
  double seconds;
  printf("%s\n", isa);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "load %ld %ld %ld", &groups, &height, &width) == 3) {
      size = height * width;
      free(pred), free(target), free(grad);
      pred = allocate(), target = allocate(), grad = allocate();
      fill(pred), fill(target);
    } else if (sscanf(line, "run %15s %d %lf", name, &samples, &seconds) == 3) {
      for (const Kernel *kernel = kernels; kernel->name; kernel++)
        if (!strcmp(kernel->name, name)) run(kernel->call, samples, seconds);
    } else if (!strncmp(line, "read", 4)) {
      fwrite(grad, sizeof(float), groups * size, stdout);
    }
    fflush(stdout);
  }
  return 0;
}
