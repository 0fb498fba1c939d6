/*
 * A host in C of the kernels as C: host IMAGE START CALL WORK
 *
 * IMAGE is what lies in memory from START on, a vpl_call at CALL among it. Writes the same range back to standard output, results included. A host
 * of one's own would fill the vpl_call in place; docs/abi.md shows one.
 */
#include "kernels.h"
#include "valid_pixel_loss.h"
#include <stdio.h>

#define PAGE 65536u

static wasm_rt_memory_t memory;

struct w2c_env;

wasm_rt_memory_t *w2c_env_memory(struct w2c_env *env) {
  (void)env;
  return &memory;
}

int main(int count, char **words) {
  if (count != 5) return 2;
  const uint32_t start = strtoul(words[2], NULL, 10);
  const uint32_t call = strtoul(words[3], NULL, 10);
  const uint32_t work = strtoul(words[4], NULL, 10);
  memory.pages = memory.max_pages = 256;
  memory.size = (uint64_t)memory.pages * PAGE;
  memory.data = aligned_alloc(PAGE, memory.size);
  if (!memory.data) return 2;
  memset(memory.data, 0, memory.size);
  memory.data_end = memory.data + memory.size;

  w2c_kernels kernels;
  wasm2c_kernels_instantiate(&kernels, NULL);
  FILE *image = fopen(words[1], "rb");
  if (!image || fread(memory.data + start, 1, work - start, image) != work - start) return 2;
  fclose(image);

  if (w2c_kernels_heapStart(&kernels) > start) return 3;
  const uint32_t bytes = w2c_kernels_lossWorkBytes(&kernels, call);
  if (bytes == 0 || work + (uint64_t)bytes > memory.size) return 3;
  const vpl_status status = w2c_kernels_computeLoss(&kernels, call, work);
  if (status != VPL_DONE) return 10 + status;
  fwrite(memory.data + start, 1, work - start, stdout);
  vpl_call result;
  memcpy(&result, memory.data + call, sizeof result);
  fprintf(stderr, "%.17g\n", result.value);
  return 0;
}
