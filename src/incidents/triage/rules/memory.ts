import type { Rule } from '../rule.ts';

/** Memory and GPU memory, on every platform. Stands first: "memory quota" is no quota, and CUDA's OOM no broken GPU. */
export const memoryRules: readonly Rule[] = [
  {
    id: 'memory.native-thread',
    category: 'resource-limit',
    pattern: /unable to create (?:new )?native thread|Cannot create (?:GC|worker|VM) thread/,
    example:
      'java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached',
    check:
      'Compare the limits on threads and processes (`ulimit -u`, pids.max of the cgroup) with the number of threads that the program starts.',
  },
  {
    id: 'memory.gpu',
    category: 'out-of-memory',
    pattern:
      /(?:CUDA|HIP|MPS backend|XPU|GPU|VRAM)\b.{0,40}out of memory|OUT_OF_MEMORY|OutOfMemoryError: (?:CUDA|HIP)|cudaErrorMemoryAllocation|ALLOC_FAILED|OOM when allocating tensor|unable to allocate (?:CUDA|ROCm|backend|Metal) ?\w* buffer|VK_ERROR_OUT_OF/i,
    example:
      'torch.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 15.98 GiB',
    weight: 0.4,
    check:
      'Check with `nvidia-smi` (or `rocm-smi`) what else uses the GPU. Then lower the batch size, the context length or the share of memory reserved at start.',
  },
  {
    id: 'memory.gpu-cache',
    category: 'out-of-memory',
    pattern:
      /No available memory for the cache blocks|larger than the (?:maximum number of tokens that can be stored in|available) KV cache|KV cache is needed|less than desired GPU memory utilization|failed to allocate (?:compute|KV|CUDA|buffer)|Failed to create llama_context|insufficient VRAM/i,
    example:
      'ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.',
    weight: 0.4,
    check:
      'Check how much GPU memory is free before the start. Then lower the context length (max_model_len) or raise gpu_memory_utilization.',
  },
  {
    id: 'memory.killed-by-kernel',
    category: 'out-of-memory',
    pattern:
      /oom[-_ ]kill|oom_reaper|Out of memory: Kill|OOMKilled|Memory cgroup out of memory|out-of-memory handler|killed due to the node running low on memory|Perhaps out of memory/i,
    example:
      'slurmstepd: error: Detected 1 oom_kill event in StepId=421.batch. Some of the step tasks have been OOM Killed.',
    weight: 0.4,
    check:
      'Compare the memory limit (memory.max of the cgroup, limit of the job or container) with how the memory grew before the end.',
  },
  {
    id: 'memory.over-quota',
    category: 'out-of-memory',
    pattern:
      /memory (?:quota|limit|budget|allowance)\b.{0,30}(?:exceed|reach|terminat)|exceed\w*.{0,40}\bmemory (?:quota|limit|budget)|Memory quota (?:vastly )?exceeded|exceeded .{0,20}% memory budget|over memory limit|Memory limit reached/i,
    example: 'slurmstepd: error: Job 77 exceeded its memory limit (4294967296 > 4194304000), being killed',
    weight: 0.3,
    check: 'Raise the memory limit of this job, or bound what grew.',
  },
  {
    id: 'memory.js-heap',
    category: 'out-of-memory',
    terminal: true,
    pattern:
      /JavaScript heap out of memory|Reached heap limit|invalid (?:table|array) (?:size|length) Allocation failed|ERR_WORKER_OUT_OF_MEMORY/,
    example: 'FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory',
    weight: 0.4,
    check:
      'Find what keeps growing with a heap snapshot. A larger `--max-old-space-size` in NODE_OPTIONS only moves the limit.',
  },
  {
    id: 'memory.jvm-heap',
    category: 'out-of-memory',
    terminal: true,
    pattern:
      /OutOfMemoryError|insufficient memory for the Java Runtime|Could not reserve enough space for|GC overhead limit exceeded/,
    example: 'java.lang.OutOfMemoryError: GC overhead limit exceeded',
    weight: 0.4,
    check:
      'Compare the heap size (-Xmx) with the memory of the machine, and take a heap dump next time (-XX:+HeapDumpOnOutOfMemoryError).',
  },
  {
    id: 'memory.python',
    category: 'out-of-memory',
    pattern: /^(?:[\w.]{1,80}\.)?_?(?:Array)?MemoryError\b|Unable to allocate .{1,40} for an array/,
    example:
      'numpy.core._exceptions._ArrayMemoryError: Unable to allocate 74.5 GiB for an array with shape (100000, 100000)',
    weight: 0.4,
  },
  {
    id: 'memory.allocation',
    category: 'out-of-memory',
    pattern:
      /bad_alloc|memory allocation of \d+ bytes failed|(?:runtime|fatal error): (?:runtime: )?(?:out of|cannot allocate) memory|can't allocate memory|not enough memory: you tried|virtual memory exhausted|failed to allocate memory|Allowed memory size of \d+ bytes exhausted|NoMemoryError|OutOfMemoryException|mmap.{0,60}(?:ENOMEM|Cannot allocate memory)|more system memory .{0,40} than is available|paging file is too small|Not enough memory resources|memory exhausted|(?:^|[\s:])out of memory\b|heap exhausted/i,
    example:
      'PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes) in /var/www/a.php on line 4',
    weight: 0.3,
  },
  {
    id: 'memory.enomem',
    category: 'out-of-memory',
    pattern:
      /Cannot allocate memory|\bENOMEM\b|Errno 12\]|os error 12\)|Insufficient system memory|not enough (?:free )?(?:memory|RAM)\b/i,
    example: 'fork: Cannot allocate memory',
    weight: 0.2,
  },
];
