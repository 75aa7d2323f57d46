import { adaGrad } from './adagrad.js';
import { adam, amsGrad } from './adam.js';
import { aliG, aliGAdjusted, aliGNesterov } from './alig.js';
import { rmsProp, rmsPropCentered, rmsPropCenteredMomentum, rmsPropMomentum } from './rmsprop.js';
import { sgd, sgdMomentum } from './sgd.js';
import { yogi } from './yogi.js';
import { aprox } from './aprox.js';
import { bpGrad, bpGradMomentum } from './bpgrad.js';
import { dfw, dfwMomentum } from './dfw.js';
import { l4Adam, l4Mom } from './l4.js';
import { momo, momoAdam } from './momo.js';
import type { Rule } from './rule.js';
import { sps, spsSmooth } from './sps.js';

/** The one list of rules, in the order of native/rules/all.h: a rule's place is its number. */
export const rules: readonly Rule[] = [
  aliG,
  aliGNesterov,
  aliGAdjusted,
  sgd,
  sgdMomentum,
  adam,
  amsGrad,
  yogi,
  adaGrad,
  rmsProp,
  rmsPropMomentum,
  rmsPropCentered,
  rmsPropCenteredMomentum,
  dfw,
  dfwMomentum,
  l4Mom,
  l4Adam,
  aprox,
  bpGrad,
  bpGradMomentum,
  sps,
  spsSmooth,
  momo,
  momoAdam,
];
