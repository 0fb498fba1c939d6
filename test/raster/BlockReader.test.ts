import { describe, expect, test } from "vitest";
import { type BlockGrid, BlockReader } from "../../src/raster/BlockReader.ts";

/** A grid of 10×10-pixel blocks over 40×30 pixels, one band, that writes down which blocks were decoded. */
function countingGrid() {
  const loads: string[] = [];
  const state = { loads, failing: false, active: 0, mostActive: 0 };
  const grid: BlockGrid = {
    width: 40,
    height: 30,
    samples: 1,
    bandCount: 1,
    type: "u8",
    block: { width: 10, height: 10 },
    interleaved: false,
    async load(_sample, _band, row, column) {
      loads.push(`${row},${column}`);
      state.mostActive = Math.max(state.mostActive, ++state.active);
      await new Promise((resolve) => setImmediate(resolve));
      state.active--;
      if (state.failing && row + column === 0) throw new Error("corrupt");
      return new Uint8Array(100).fill(row * 4 + column);
    },
  };
  return { grid, state };
}

const blockBytes = 100;

describe("BlockReader", () => {
  test("decodes nothing twice over bands of rows that overlap", async () => {
    const { grid, state } = countingGrid();
    const reader = new BlockReader(grid, 8 * blockBytes);
    for (let y = 0; y < 30; y += 5) await reader.read(0, Math.max(0, y - 3), 40, y ? 8 : 5, [0], 0);
    expect(state.loads).toHaveLength(12);
  });

  test("keeps what it was given room for, and drops what was used longest ago", async () => {
    const { grid, state } = countingGrid();
    const reader = new BlockReader(grid, 2 * blockBytes);
    const touch = (column: number) => reader.read(column * 10, 0, 1, 1, [0], 0);
    for (const column of [0, 1, 0, 2, 0, 1]) await touch(column);
    expect(state.loads).toEqual(["0,0", "0,1", "0,2", "0,1"]);
  });

  test("decodes a few blocks at a time", async () => {
    const { grid, state } = countingGrid();
    await new BlockReader(grid, 0).read(0, 0, 40, 30, [0], 0);
    expect(state.mostActive).toBe(4);
  });

  test("a block that failed is tried again, and what follows it is not started", async () => {
    const { grid, state } = countingGrid();
    const reader = new BlockReader(grid, 100 * blockBytes);
    state.failing = true;
    await expect(reader.read(0, 0, 40, 30, [0], 0)).rejects.toThrow("corrupt");
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(state.loads.length).toBeLessThan(12);
    state.failing = false;
    expect((await reader.read(9, 9, 2, 2, [0], 0)).join()).toBe("0,1,4,5");
  });
});
