import { calibrated, OFFSET, SCALE } from "./data.mjs";

const DIGITAL_NUMBERS = { type: "uint16", scale: SCALE, offset: OFFSET };

/**
 * Ways to hand the same scene to the package: `open(api, loss, scene)` gives `{ criterion, pred, target, out }`,
 * `bytesRead` where it is not that of float32, `verify`, the arrays to verify it on where they are not the scene's, and `held` where more must be freed. `needs` names what of the package a
 * way stands on, and `has` tells whether it is there where that is no function's name; `around` wraps every turn of it.
 */
export const VARIANTS = {
  "in place": { needs: "zeros", open: inPlace },
  foreign: {
    needs: "tensor",
    open: (api, loss, scene) => ({
      criterion: criterion(api, loss),
      pred: api.tensor(predOf(scene, loss), scene.shape),
      target: api.tensor(targetOf(scene, loss), targetShape(scene, loss)),
      out: api.tensor(new Float32Array(scene.pred.length), scene.shape),
    }),
  },
  threads: {
    needs: "setThreads",
    open: inPlace,
    async around(api, turn) {
      const running = await api.setThreads(2);
      try {
        if (running < 2) throw new Error(`setThreads(2) gave ${running}`);
        return await turn();
      } finally {
        await api.setThreads(1);
      }
    },
  },
  uint16: {
    needs: "uint16 tensors",
    has(api) {
      const tensor = api.zeros([1], DIGITAL_NUMBERS);
      const made = tensor.data instanceof Uint16Array;
      tensor.dispose();
      return made;
    },
    open(api, loss, scene) {
      if (loss.pred || loss.target) throw new Error("its scene is no raster of digital numbers");
      const [pred, target] = [scene.predNumbers, scene.targetNumbers].map((numbers) =>
        filled(api.zeros(scene.shape, DIGITAL_NUMBERS), numbers),
      );
      return {
        ...{ criterion: criterion(api, loss, { valid: { nodata: [0] } }), pred, target, out: api.zeros(scene.shape) },
        bytesRead: scene.predNumbers.byteLength + scene.targetNumbers.byteLength,
        // Invalid where the target is: 0 is a negative reflectance.
        verify: [calibrated(scene.predNumbers, loss), calibrated(scene.targetNumbers, loss)],
      };
    },
  },
  prepared: {
    needs: "prepareTarget",
    open(api, loss, scene) {
      const { target, ...rest } = inPlace(api, loss, scene);
      return { ...rest, target: api.prepareTarget(target), held: [target] };
    },
  },
};

export const predOf = (scene, { pred = "pred" }) => scene[pred];
export const targetOf = (scene, { target = "target" }) => scene[target];

function targetShape({ shape: [batch, channels, height, width] }, { target }) {
  return target === "classes" ? [batch, height, width] : [batch, channels, height, width];
}

function criterion(api, loss, options) {
  return new api.FlexibleWeightedLoss(loss.make(api), options);
}

function inPlace(api, loss, scene) {
  const target = targetOf(scene, loss);
  const shape = targetShape(scene, loss);
  return {
    criterion: criterion(api, loss),
    pred: filled(api.zeros(scene.shape), predOf(scene, loss)),
    target: filled(api.zeros(shape, { type: target instanceof Float32Array ? "float32" : "int32" }), target),
    out: api.zeros(scene.shape),
  };
}

function filled(tensor, array) {
  tensor.data.set(array);
  return tensor;
}
