import type { Rule } from '../rule.ts';

/** The GPU, its driver and its libraries. Out of GPU memory stands with memory. */
export const gpuRules: readonly Rule[] = [
  {
    id: 'gpu.none',
    category: 'gpu-failure',
    pattern:
      /no (?:CUDA|HIP|ROCm|GPU|NVIDIA)[\w -]{0,20}(?:device|GPU)s? (?:is|are|was|were|detected|available|found)|No CUDA GPUs are available|no CUDA-capable device|Found no NVIDIA driver|CUDA_ERROR_NO_DEVICE|hipErrorNoDevice|No (?:GPUs?|HIP GPUs|accelerators?) (?:found|available|are available|detected)|Failed to infer device type|NVIDIA-SMI has failed|libcuda\.so.{0,60}(?:not found|cannot open)|could not select device driver/i,
    example: 'RuntimeError: No HIP GPUs are available',
    weight: 0.3,
    check:
      'Check that `nvidia-smi` (or `rocm-smi`) shows the device here and that CUDA_VISIBLE_DEVICES names an existing one. A container needs the GPU passed in.',
  },
  {
    id: 'gpu.not-compiled',
    category: 'gpu-failure',
    pattern:
      /Not compiled with (?:CUDA|GPU|ROCm)|not compiled with CUDA enabled|compiled without (?:CUDA|GPU) support|on a CUDA device but torch\.cuda\.is_available|CUDA (?:is not|isn't|not) (?:available|enabled)|invalid device function|no kernel image is available|hipErrorNoBinaryForGpu|requires? (?:a )?(?:CUDA|GPU)|only supported on (?:GPUs|CUDA)|GPUs? with compute capability|only supports Ampere/i,
    example: 'AssertionError: Torch not compiled with CUDA enabled',
    weight: 0.3,
    check: 'Install a build of the library for this GPU and driver (CUDA or ROCm version, architecture).',
  },
  {
    id: 'gpu.driver',
    category: 'gpu-failure',
    pattern:
      /driver version is insufficient|Driver\/library version mismatch|CUDA driver (?:error|initialization)|CUDA unknown error|cuInit\b.{0,40}fail|nvidia-container-cli|NVML: |\bXid\W|ECC error|GPU (?:is lost|has fallen off)|GPU hang|DXGI_ERROR_DEVICE_\w+|ERROR_DEVICE_LOST|does not appear to support OpenGL|driver too old|forward compatibility was attempted/i,
    example: 'Failed to initialize NVML: Driver/library version mismatch',
    weight: 0.3,
    check:
      'Repair the GPU driver: `nvidia-smi` must work on the host. After a driver update, reboot or reload its modules.',
  },
  {
    id: 'gpu.runtime',
    category: 'gpu-failure',
    pattern:
      /\b(?:CUDA|HIP|cuDNN|CUBLAS|cuBLAS|NCCL|RCCL|cuFFT|cuSPARSE|MIOpen|ROCm|Metal|SYCL|Vulkan) (?:error|failure|exception)\b|CUDA runtime error|CUDNN_STATUS_|CUBLAS_STATUS_|CUSPARSE_STATUS|CUSOLVER_STATUS|CUDA_ERROR_|hipError[A-Z]|cudaError[A-Z]|device-side assert|illegal memory access was encountered|ncclSystemError|ncclInternalError|ncclUnhandledCudaError|ncclInvalidUsage|Memory access fault by GPU|AcceleratorError: /i,
    example: 'RuntimeError: CUDA error: device-side assert triggered',
    weight: 0.3,
    check:
      'Run it once with CUDA_LAUNCH_BLOCKING=1 (or AMD_SERIALIZE_KERNEL=3) to get the real place of the error, and look for Xid lines in the kernel log.',
  },
];
