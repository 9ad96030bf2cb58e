import type { Rule } from '../../incident.ts';

/** The allocator's own checks: they speak of corruption, and mean memory, not data. */
export const heapRules: readonly Rule[] = [
  {
    id: 'native.heap',
    category: 'native-crash',
    terminal: true,
    pattern:
      /double free|free\(\): invalid|malloc\(\): |malloc_consolidate|munmap_chunk|corrupted (?:size|double-linked|unsorted|top)|invalid (?:next )?(?:size|pointer)\b|stack smashing|buffer overflow detected|AddressSanitizer|UndefinedBehaviorSanitizer|ThreadSanitizer|MemorySanitizer|LeakSanitizer|heap corruption|heap-use-after-free|pointer being freed was not allocated|free list corrupt/i,
    example: 'free(): double free detected in tcache 2',
    weight: 0.4,
    check: 'Run it under AddressSanitizer or valgrind. Suspect native modules that were updated recently.',
  },
];

/** Deaths of native code: signals, aborts, sanitizers, virtual machines. */
export const nativeRules: readonly Rule[] = [
  {
    id: 'native.announced',
    category: 'native-crash',
    // The shell's word for the signal: how it died, not why.
    pattern:
      /^(?:.{0,300}: line \d+: +(?:\d+ )?)?(?:Segmentation fault|Aborted|Bus error|Illegal instruction|Floating point exception|Trace\/breakpoint trap)(?: \(core dumped\)| +\S|$)/,
    example: 'Segmentation fault (core dumped)',
    terminal: true,
    weight: -0.3,
    check:
      'Get a native trace from the core file (`coredumpctl debug`, or `python -X faulthandler`). Suspect native modules that were updated recently.',
  },
  {
    id: 'native.go-nil',
    category: 'unhandled-exception',
    terminal: true,
    pattern:
      /panic: runtime error:|nil pointer dereference|fatal error: (?:all goroutines|concurrent map|stack overflow)|goroutine stack exceeds/,
    example: 'panic: runtime error: index out of range [5] with length 3',
    weight: 0.4,
    check:
      'Handle the nil or out-of-range value at {place|the first frame of your own code} in the goroutine that panicked.',
  },
  {
    id: 'native.rust-assertion',
    category: 'unhandled-exception',
    pattern: /^assertion `?(?:left|\(?left).{0,40}failed|^assertion failed: (?!\()/,
    example: 'assertion `left == right` failed: totals differ',
    terminal: true,
    weight: 0.4,
    check: 'Find out how the program came to the values that the assertion at {place|the named place} excludes.',
  },
  {
    id: 'native.segfault',
    category: 'native-crash',
    terminal: true,
    pattern:
      /Segmentation (?:fault|violation)|Caught (?:fatal )?signal|signo: ?(?:4|6|7|8|11)\b|\bSIGSEGV\b|segfault|EXCEPTION_ACCESS_VIOLATION|access violation|0xC0000005|\bBus error|\bSIGBUS\b|Illegal instruction|\bSIGILL\b|Floating point exception|\bSIGFPE\b|Trace\/breakpoint trap|\bSIGTRAP\b|signal 11\b|exit(?:ed)?(?: with)?(?: code)? (?:139|-11)\b|unexpected fault address|(?:killed|terminated) by signal:? (?:4|6|7|8|11)\b|3221225477|Uncaught signal: (?:6|11|7|4)\b/i,
    example: 'Segmentation fault (core dumped)',
    weight: 0.4,
    check:
      'Get a native trace from the core file (`coredumpctl debug`, or `python -X faulthandler`). Suspect native modules that were updated recently.',
  },
  {
    id: 'native.browser',
    category: 'native-crash',
    pattern:
      /(?:Chrome|Chromium|Firefox|browser) (?:failed to start|has crashed|crashed)|DevToolsActivePort|Target (?:page|crashed)|page crashed|tab crashed/i,
    example: 'session not created: Chrome failed to start: crashed.',
    weight: 0.2,
    check:
      'The browser ended right after its start. Start it by hand as the user of the service (`chromium --headless --no-sandbox`), and give the container enough shared memory (--shm-size).',
  },
  {
    id: 'native.abort',
    category: 'native-crash',
    terminal: true,
    pattern:
      /terminate called|what\(\): |\bSIGABRT\b|^Aborted\b|: Aborted\b|Abort trap|Assertion [`'"(].{1,300}failed|assertion failed|Assertion failed: \(|\bAssertion .{1,200} failed\.|pure virtual method|Fatal Python error|fatal error in , line|Check failed: |GGML_ASSERT|# Fatal error in|has overflowed its stack|fatal runtime error|Fatal error: {1,3}(?! |Uncaught|all goroutines|concurrent map|stack overflow)|uncaught exception of type|libc\+\+abi|core dumped|SIGABRT|abort\(\) called|signal 6\b|panic!? in a (?:function|destructor)|fatal error: unexpected signal|munmap|VM (?:crash|aborted)|Uncaught signal/i,
    example: "engine: src/graph.c:118: push: Assertion `n < cap' failed.",
    weight: 0.3,
    check:
      'Check the assertion or exception at {place|the place that the key line names}, and the core file if there is one (`coredumpctl info`).',
  },
];

/** A worker that was killed: what its parent says of it, with the usual reasons in the sentence. Comes before the rules that know those. */
export const workerRules: readonly Rule[] = [
  {
    id: 'kill.worker',
    category: 'killed-externally',
    pattern:
      /BrokenProcessPool|in the process pool was terminated|child process terminated abruptly|TerminatedWorkerError|worker process .{0,60}was unexpectedly terminated|WorkerLostError|Worker exited prematurely|DataLoader worker \(pid.{1,40}(?:exited unexpectedly|killed by signal: Killed)|(?:worker|child|pool) (?:process )?(?:\S{1,40} )?(?:was|got) (?:killed|sent SIGKILL)/,
    example: 'pool worker 3 was killed',
    weight: -0.1,
    check:
      'A worker process was killed, most often by the out-of-memory killer. Check `dmesg` or `journalctl -k` for an oom-kill at this time, then lower the number of workers or the size of their jobs.',
  },
];

/** Ended from outside, and said so. */
export const killRules: readonly Rule[] = [
  {
    id: 'kill.sigkill',
    category: 'killed-externally',
    pattern:
      /(?:^|[\s:])Killed\b(?!:? (?:process|by signal: [1-8])|.{0,20}\bby user\b)|\bSIGKILL\b|signal 9\b|exit(?:ed)?(?: with)?(?: code| status)? (?:137|-9)\b|signal: killed/,
    example: './serve.sh: line 4: 3121 Killed                  python3 server.py',
    weight: 0.1,
    check:
      'Find out who sent SIGKILL: check the kernel log for an out-of-memory kill first, then the orchestrator, scripts and people.',
  },
  {
    id: 'kill.cancelled',
    category: 'killed-externally',
    pattern:
      /CANCELLED AT|\bPREEMPT(?:ED|ION)|job (?:was )?(?:cancell?ed|preempted)|node (?:is )?(?:shutting down|failure|drain)|being preempted|spot (?:instance )?(?:interruption|termination)|instance .{0,30}(?:will be )?terminated|system is going down|evict(?:ed|ing)/i,
    example: 'slurmstepd: error: *** STEP 5121.0 ON node3 CANCELLED AT 2026-02-02T08:00:00 ***',
    weight: 0.3,
    check: 'The scheduler or a person ended the job. Ask the scheduler who and why (`sacct`, `kubectl describe`).',
  },
  {
    id: 'kill.sigterm',
    category: 'killed-externally',
    pattern:
      /^(?:.{0,300}: line \d+: +(?:\d+ )?)?Terminated(?:$|\s{2,}|: 15)|\bSIGTERM\b|\bSIGINT\b|\bSIGHUP\b|(?:received|got|caught|handling|handle|on|by|with) (?:a )?(?:signal|sig) ?:? ?\(?(?:1|2|15|term|int|hup)\b|signal 15\b|KeyboardInterrupt|exit(?:ed)?(?: with)?(?: code| status)? (?:143|130|-15)\b|signal: (?:terminated|interrupt|hangup)|^\^C|Interrupted\b|shutdown signal|termination signal|Stopping .{0,30}due to signal|Received (?:shutdown|stop|termination|exit) (?:signal|request|command)|Ctrl\+?C\b(?! to)|user interrupt|^Hangup/i,
    example: 'Received SIGTERM, shutting down gracefully',
    check: 'Find out who stopped it at that time: the service manager, a deployment, a cron job or a person.',
  },
];

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
