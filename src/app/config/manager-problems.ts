/**
 * What the keys of images, logs and eviction ask of each other
 * (pkg/kubelet/apis/config/validation/validation.go). Pure.
 */
import { evictionProblems } from '../../model/eviction-thresholds.ts';
import { parseQuantity } from '../../model/quantity.ts';
import type { Config } from './schema.ts';

const MIN_MONITOR_MS = 3_000;

export function managerProblems(config: Config): string[] {
  return [...imageProblems(config), ...logProblems(config), ...evictionProblems(config)];
}

function imageProblems(config: Config): string[] {
  const { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low } = config;
  const { imageMinimumGCAge: min, imageMaximumGCAge: max, maxParallelImagePulls: parallel } = config;
  const {
    imagePullCredentialsVerificationPolicy: policy,
    preloadedImagesVerificationAllowlist: allowed,
    serializeImagePulls: serialize,
  } = config;
  return [
    ...(low >= high
      ? [`imageGCLowThresholdPercent: ${low} must be less than imageGCHighThresholdPercent, which is ${high}`]
      : []),
    ...(max > 0 && max <= min
      ? [`imageMaximumGCAge: ${max / 1000}s must be greater than imageMinimumGCAge, which is ${min / 1000}s`]
      : []),
    ...(serialize === true && parallel !== undefined && parallel > 1
      ? [`maxParallelImagePulls: ${parallel} can't be larger than 1 unless serializeImagePulls is false`]
      : []),
    ...(allowed.length > 0 && policy !== 'NeverVerifyAllowlistedImages'
      ? [
          `preloadedImagesVerificationAllowlist: can only be set with imagePullCredentialsVerificationPolicy NeverVerifyAllowlistedImages, found ${policy}`,
        ]
      : []),
    ...allowed.flatMap((pattern, index) => {
      const name = pattern.endsWith('/*') ? pattern.slice(0, -2) : pattern;
      return /^[^\s*]+$/.test(name) && !/[@]|:[^/]*$/.test(pattern.replace(/\/\*$/, '/'))
        ? []
        : [
            `preloadedImagesVerificationAllowlist[${index}]: ${JSON.stringify(pattern)} must be an image name without tag and digest, or a prefix that ends with /*`,
          ];
    }),
  ];
}

function logProblems({ containerLogMaxSize: size, containerLogMonitorInterval: interval }: Config): string[] {
  return [
    ...(parseQuantity(size) === undefined
      ? [`containerLogMaxSize: ${JSON.stringify(size)} is no quantity; write for example 10Mi`]
      : []),
    ...(interval < MIN_MONITOR_MS
      ? [`containerLogMonitorInterval: must be at least 3s, found ${interval / 1000}s`]
      : []),
  ];
}
