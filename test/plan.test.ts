import { describe, expect, test } from "vitest";
import { at } from "../reference/layout.ts";
import { FlexibleWeightedLoss, mse, tensor } from "../src/index.ts";
import { type Dimensions, dimensions, geometry, isFullMask, maskStrides } from "../src/plan/geometry.ts";

test("a plane of more pixels than kernels count is refused", () => {
  // Nobody touches these 4 GiB: they cost no memory.
  const plane = tensor(new Uint8Array(2 ** 32 - 1), [2 ** 16 + 1, 2 ** 16 - 1]);
  const criterion = new FlexibleWeightedLoss(mse());
  expect(() => criterion.forward(plane, plane)).toThrow(RangeError);
  expect(() => criterion.forward(plane, plane)).toThrow(/"pred".*planes of at most.*65537×65535/);
});

test("planes that fit are looked at one by one where all of them together do not", () => {
  const size = { samples: 1, channels: 3, height: 40_000, width: 40_000 };
  const { pixels, planes, groups, total } = geometry(size, "NCHW", "sample", "element", true);
  expect({ pixels, planes, groups, total }).toEqual({ pixels: 1.6e9, planes: 3, groups: 1, total: 4.8e9 });
  const smaller = geometry({ ...size, channels: 2 }, "NCHW", "sample", "element", true);
  expect(smaller).toMatchObject({ pixels: 3.2e9, planes: 1 });
});

describe("every element of a batch is one of one unit, and of the right group", () => {
  const sizes: Dimensions[] = [
    { samples: 1, channels: 1, height: 1, width: 1 },
    { samples: 2, channels: 3, height: 4, width: 5 },
    { samples: 3, channels: 1, height: 7, width: 2 },
    // Of more than a tile.
    { samples: 2, channels: 2, height: 131, width: 127 },
    { samples: 1, channels: 300, height: 3, width: 67 },
  ];
  const cases = (["NCHW", "NHWC"] as const).flatMap((layout) =>
    (["element", "pixel", "window", "image"] as const).flatMap((scope) =>
      (scope === "pixel" ? (["sample"] as const) : (["sample", "channel"] as const)).flatMap((groupBy) =>
        [true, false].map((fullMask) => ({ layout, scope, groupBy, fullMask })),
      ),
    ),
  );

  test.each(cases)("$layout, $scope, by $groupBy, mask of its own for each element: $fullMask", (given) => {
    const { layout, scope, groupBy, fullMask } = given;
    for (const size of sizes) {
      const { samples, channels, height, width } = size;
      const cut = geometry(size, layout, groupBy, scope, fullMask);
      const elements = samples * channels * height * width;
      const seen = new Uint8Array(elements);
      // Which elements of a group are counted: whole pixels where the loss looks across channels.
      const inGroup = new Float64Array(cut.groups);
      for (let unit = 0; unit < cut.units; unit++) {
        const plane = Math.floor(unit / cut.tilesPerPlane);
        const first = (unit % cut.tilesPerPlane) * cut.tile;
        expect(first).toBeLessThan(cut.pixels);
        for (let k = 0; k < cut.channels; k++) {
          const group = Math.floor((plane * cut.channels + k) / cut.planesPerGroup);
          const start =
            Math.floor(plane / cut.planes) * cut.strides.sample + ((plane % cut.planes) + k) * cut.strides.channel;
          for (let i = first; i < Math.min(first + cut.tile, cut.pixels); i++) {
            const element = start + i * cut.strides.pixel;
            seen[element] = at(seen, element) + 1;
            const sample = Math.floor(element / (elements / samples));
            const channel = layout === "NHWC" ? element % channels : Math.floor(element / (height * width)) % channels;
            if (scope !== "image") {
              const own = groupBy === "sample" ? sample : sample * channels + channel;
              if (group !== own) expect([size, element, group]).toEqual([size, element, own]);
              inGroup[group] = at(inGroup, group) + 1;
            }
          }
        }
      }
      expect([size, seen.findIndex((times) => times !== 1)]).toEqual([size, -1]);
      expect(cut.groups).toBe(groupBy === "sample" ? samples : samples * channels);
      const perPixel = scope === "pixel" ? channels : 1;
      if (scope !== "image") expect(inGroup.every((count) => count === cut.total * perPixel)).toBe(true);
      // A tile is whole steps of the kernels, or whole rows.
      expect(cut.tile % (scope === "window" || scope === "image" ? width : 16)).toBe(0);
      expect(cut.rows).toBe(scope === "window");
    }
  });

  test("no channels, no units", () => {
    const none = { samples: 2, channels: 0, height: 4, width: 5 };
    for (const layout of ["NCHW", "NHWC"] as const)
      expect(geometry(none, layout, "sample", "pixel", true).units).toBe(0);
  });
});

describe("shapes", () => {
  test.each([
    [[4, 5], "NCHW", [1, 1, 4, 5]],
    [[4, 5], "NHWC", [1, 1, 4, 5]],
    [[3, 4, 5], "NCHW", [1, 3, 4, 5]],
    [[4, 5, 3], "NHWC", [1, 3, 4, 5]],
    [[2, 3, 4, 5], "NCHW", [2, 3, 4, 5]],
    [[2, 4, 5, 3], "NHWC", [2, 3, 4, 5]],
  ] as const)("%j in %s is samples, channels, height, width %j", (shape, layout, want) => {
    const { samples, channels, height, width } = dimensions(shape, layout, "pred");
    expect([samples, channels, height, width]).toEqual(want);
  });

  test.each([[[5]], [[1, 2, 3, 4, 5]]])("%j is none of an image", (shape) => {
    expect(() => dimensions(shape, "NCHW", "pred")).toThrow(/"pred".*\[B, C, H, W\]/);
  });

  test.each([[[2, 3, 4, 6]], [[2, 4, 5]], [[1, 1, 1, 1, 1]], [[5, 1]]])(
    "a mask of %j does not go with [2, 3, 4, 5]",
    (mask) => {
      expect(() => maskStrides(mask, [2, 3, 4, 5], "NCHW")).toThrow(/"mask".*\[2, 3, 4, 5\].*broadcast/);
    },
  );

  test("strides of a mask repeat it along dimensions of 1 and missing ones, as NumPy does", () => {
    for (const layout of ["NCHW", "NHWC"] as const) {
      const target = layout === "NCHW" ? [2, 3, 4, 5] : [2, 4, 5, 3];
      for (let length = 1; length <= 4; length++)
        for (let which = 0; which < 2 ** length; which++) {
          const shape = target.slice(-length).map((size, axis) => ((which >> axis) & 1 ? size : 1));
          const { sample, channel, row, pixel } = maskStrides(shape, target, layout);
          for (let i = 0; i < 120; i++) {
            // Coordinates of element i, and of the mask's: 0 where it is repeated.
            const coordinates: number[] = [];
            for (let axis = 3, rest = i; axis >= 0; axis--) {
              coordinates.unshift(rest % at(target, axis));
              rest = Math.floor(rest / at(target, axis));
            }
            const own = coordinates
              .slice(-length)
              .reduce((n, x, axis) => n * at(shape, axis) + (at(shape, axis) === 1 ? 0 : x), 0);
            const [b, a1, a2, a3] = coordinates as [number, number, number, number];
            const [c, y, x] = layout === "NCHW" ? [a1, a2, a3] : [a3, a1, a2];
            expect(b * sample + c * channel + y * row + x * pixel).toBe(own);
          }
          expect(isFullMask(shape, target)).toBe(shape.reduce((n, size) => n * size, 1) === 120);
        }
    }
  });
});
