// The words of an image: where their fields lie, and what codes mean (docs/image.md, section 2).
// Generated from backends/words/words.py: change that, and run `make bless`.
//
// word[words::PORT_TABLE_LSB +: words::PORT_TABLE_BITS] is the field `table` of a port word.
// Fields marked "minus one" hold their value less 1.

package words;
    localparam integer WORD_BITS = 64;

    // Port: Where an event goes inside its target core: the word at address ID_p.
    localparam integer PORT_POPULATION_LSB = 0; // address of the target population's descriptor
    localparam integer PORT_POPULATION_BITS = 15;
    localparam integer PORT_TABLE_LSB = 15; // base of the kernel-descriptor table
    localparam integer PORT_TABLE_BITS = 15;
    localparam integer PORT_UPDATE_LSB = 30; // what a synapse does to the neuron's state
    localparam integer PORT_UPDATE_BITS = 3;
    localparam integer PORT_STRIDES_LSB = 33; // number of pairs in a strided table, 0: a descriptor a channel
    localparam integer PORT_STRIDES_BITS = 10;

    // Population: A block of neurons with one shape, one neuron type and one activation function (paper 4.1, 5.1).
    localparam integer POPULATION_WIDTH_LSB = 0; // minus one: W, neurons in X
    localparam integer POPULATION_WIDTH_BITS = 8;
    localparam integer POPULATION_HEIGHT_LSB = 8; // minus one: H, neurons in Y
    localparam integer POPULATION_HEIGHT_BITS = 8;
    localparam integer POPULATION_DEPTH_LSB = 16; // minus one: D, channels
    localparam integer POPULATION_DEPTH_BITS = 10;
    localparam integer POPULATION_NEURON_LSB = 26; // neuron type
    localparam integer POPULATION_NEURON_BITS = 4;
    localparam integer POPULATION_ACTIVATION_LSB = 30; // activation function
    localparam integer POPULATION_ACTIVATION_BITS = 5;
    localparam integer POPULATION_AXONS_LSB = 35; // number of axons
    localparam integer POPULATION_AXONS_BITS = 9;
    localparam integer POPULATION_START_LSB = 44; // address of the block
    localparam integer POPULATION_START_BITS = 15;
    localparam integer POPULATION_BIAS_LSB = 59; // format of the bias words
    localparam integer POPULATION_BIAS_BITS = 2;
    localparam integer POPULATION_EXTENSIONS_LSB = 61; // number of extension words
    localparam integer POPULATION_EXTENSIONS_BITS = 3;

    // Extension: One more fact about a population; most have none. Where the word is absent, a default holds.
    localparam integer EXTENSION_KIND_LSB = 0; // what the word says
    localparam integer EXTENSION_KIND_BITS = 4;
    localparam integer EXTENSION_ADDRESS_LSB = 4; // a word address or a flag
    localparam integer EXTENSION_ADDRESS_BITS = 15;
    localparam integer EXTENSION_VALUE_LSB = 32; // a number
    localparam integer EXTENSION_VALUE_BITS = 32;

    // Axon: Sends the events of one population to one other population (paper 4.2 and 4.3, algorithm 5).
    localparam integer AXON_X_OFF_LSB = 0; // signed: X_off: added to the firing neuron's x << US (equation 12)
    localparam integer AXON_X_OFF_BITS = 9;
    localparam integer AXON_Y_OFF_LSB = 9; // signed: Y_off: added to the firing neuron's y << US
    localparam integer AXON_Y_OFF_BITS = 9;
    localparam integer AXON_C_OFF_LSB = 18; // C_off: added to the firing neuron's channel
    localparam integer AXON_C_OFF_BITS = 10;
    localparam integer AXON_WIDTH_LSB = 28; // minus one: W << SL of the target in eights, rounded up
    localparam integer AXON_WIDTH_BITS = 6;
    localparam integer AXON_HEIGHT_LSB = 34; // minus one: H << SL of the target in eights, rounded up
    localparam integer AXON_HEIGHT_BITS = 6;
    localparam integer AXON_KW_LSB = 40; // minus one: KW, the kernel's width
    localparam integer AXON_KW_BITS = 4;
    localparam integer AXON_KH_LSB = 44; // minus one: KH, the kernel's height
    localparam integer AXON_KH_BITS = 4;
    localparam integer AXON_US_LSB = 48; // US, log2 of the upsampling
    localparam integer AXON_US_BITS = 3;
    localparam integer AXON_CORE_X_LSB = 51; // signed: X of the target core, relative
    localparam integer AXON_CORE_X_BITS = 4;
    localparam integer AXON_CORE_Y_LSB = 55; // signed: Y of the target core, relative
    localparam integer AXON_CORE_Y_BITS = 4;
    localparam integer AXON_PORT_LSB = 59; // ID_p, the address of a port word in the target core
    localparam integer AXON_PORT_BITS = 5;

    // Kernel: The synapses of the events of one source channel (paper 5.1: one kernel descriptor for each).
    localparam integer KERNEL_KD_LSB = 0; // minus one: KD, target channels that have synapses
    localparam integer KERNEL_KD_BITS = 10;
    localparam integer KERNEL_KW_LSB = 10; // minus one: KW, the kernel's width
    localparam integer KERNEL_KW_BITS = 4;
    localparam integer KERNEL_KH_LSB = 14; // minus one: KH, the kernel's height
    localparam integer KERNEL_KH_BITS = 4;
    localparam integer KERNEL_SL_LSB = 18; // SL, log2 of the stride
    localparam integer KERNEL_SL_BITS = 1;
    localparam integer KERNEL_FIRST_LSB = 19; // the first of the KD target channels, in the target population
    localparam integer KERNEL_FIRST_BITS = 10;
    localparam integer KERNEL_CODE_LSB = 29; // format of the weights
    localparam integer KERNEL_CODE_BITS = 3;
    localparam integer KERNEL_LISTS_LSB = 32; // 1, where `skips` is: a list of places names them, and no bitmap
    localparam integer KERNEL_LISTS_BITS = 1;
    localparam integer KERNEL_EXPONENT_LSB = 33; // signed: weights are numbers times 2^exponent
    localparam integer KERNEL_EXPONENT_BITS = 8;
    localparam integer KERNEL_ADDRESS_LSB = 41; // address of the weights
    localparam integer KERNEL_ADDRESS_BITS = 15;
    localparam integer KERNEL_NUMBER_BITS_LSB = 56; // n, where the format has it: bits of a number, else 0
    localparam integer KERNEL_NUMBER_BITS_BITS = 4;
    localparam integer KERNEL_EXPONENT_BITS_LSB = 60; // e, where the format has it: bits of a number's exponent, else 0
    localparam integer KERNEL_EXPONENT_BITS_BITS = 2;
    localparam integer KERNEL_SUBNORMALS_LSB = 62; // 1 where the format has subnormal numbers, else 0
    localparam integer KERNEL_SUBNORMALS_BITS = 1;
    localparam integer KERNEL_SKIPS_LSB = 63; // 1: of the weights, those are stored that what stands before them names
    localparam integer KERNEL_SKIPS_BITS = 1;

    // Stride: Of a strided table: the channels whose kernels the kernel descriptor before this word describes.
    localparam integer STRIDE_STRIDE_LSB = 0; // bytes from the weights of a channel to those of the next
    localparam integer STRIDE_STRIDE_BITS = 18;
    localparam integer STRIDE_STEP_LSB = 18; // target channels from the first of a channel to the first of the next
    localparam integer STRIDE_STEP_BITS = 9;
    localparam integer STRIDE_BEGIN_LSB = 27; // the first channel
    localparam integer STRIDE_BEGIN_BITS = 11;
    localparam integer STRIDE_COUNT_LSB = 38; // minus one: number of channels
    localparam integer STRIDE_COUNT_BITS = 11;
    localparam integer STRIDE_EXPONENTS_LSB = 49; // address of a signed byte for each channel, its exponent; 0: the descriptor's
    localparam integer STRIDE_EXPONENTS_BITS = 15;

    // Step: One step of the firing order; the steps are taken one after the other, the same for every frame.
    localparam integer STEP_ORDER_LSB = 0; // RESET sets the states to their first values, FIRE sends events
    localparam integer STEP_ORDER_BITS = 2;
    localparam integer STEP_CORE_LSB = 2; // index of the core section
    localparam integer STEP_CORE_BITS = 16;
    localparam integer STEP_POPULATION_LSB = 18; // address of the population's descriptor
    localparam integer STEP_POPULATION_BITS = 15;
    localparam integer STEP_ONCE_LSB = 33; // 1 in the prologue, 0 for each frame
    localparam integer STEP_ONCE_BITS = 1;
    localparam integer STEP_EVERY_LSB = 34; // 0: in each frame, else in one of so many
    localparam integer STEP_EVERY_BITS = 15;
    localparam integer STEP_PHASE_LSB = 49; // in which of them, below `every`; 0 where that is 0
    localparam integer STEP_PHASE_BITS = 15;

    // Update
    localparam [2:0] UPDATE_ADD = 3'd0;
    localparam [2:0] UPDATE_MULTIPLY = 3'd1;
    localparam [2:0] UPDATE_MAXIMUM = 3'd2;
    localparam [2:0] UPDATE_MINIMUM = 3'd3;

    // Neuron
    localparam [3:0] NEURON_STANDARD = 4'd0;
    localparam [3:0] NEURON_INPUT = 4'd1;
    localparam [3:0] NEURON_LIF = 4'd2;
    localparam [3:0] NEURON_COUNTING_LIF = 4'd3;
    localparam [3:0] NEURON_LI = 4'd4;
    localparam [3:0] NEURON_CUBA_LIF = 4'd5;
    localparam [3:0] NEURON_SIGMA_DELTA = 4'd6;
    localparam [3:0] NEURON_WIDE = 4'd7;
    localparam [3:0] NEURON_LOIHI_CUBA = 4'd8;
    localparam [3:0] NEURON_LOIHI_SIGMA_DELTA = 4'd9;
    localparam [3:0] NEURON_SIGMA = 4'd10;

    // Activation
    localparam [4:0] ACTIVATION_IDENTITY = 5'd0;
    localparam [4:0] ACTIVATION_RELU = 5'd1;
    localparam [4:0] ACTIVATION_CLIP = 5'd2;
    localparam [4:0] ACTIVATION_LEAKY_RELU = 5'd3;
    localparam [4:0] ACTIVATION_SIGMOID = 5'd4;
    localparam [4:0] ACTIVATION_TANH = 5'd5;
    localparam [4:0] ACTIVATION_HARD_SIGMOID = 5'd6;
    localparam [4:0] ACTIVATION_ELU = 5'd7;
    localparam [4:0] ACTIVATION_SELU = 5'd8;
    localparam [4:0] ACTIVATION_CELU = 5'd9;
    localparam [4:0] ACTIVATION_SILU = 5'd10;
    localparam [4:0] ACTIVATION_HARD_SWISH = 5'd11;
    localparam [4:0] ACTIVATION_SOFTPLUS = 5'd12;
    localparam [4:0] ACTIVATION_SOFTSIGN = 5'd13;
    localparam [4:0] ACTIVATION_THRESHOLDED_RELU = 5'd14;
    localparam [4:0] ACTIVATION_ABSOLUTE = 5'd15;
    localparam [4:0] ACTIVATION_EXP = 5'd16;
    localparam [4:0] ACTIVATION_LOG = 5'd17;
    localparam [4:0] ACTIVATION_SQRT = 5'd18;
    localparam [4:0] ACTIVATION_RECIPROCAL = 5'd19;
    localparam [4:0] ACTIVATION_POWER = 5'd20;
    localparam [4:0] ACTIVATION_ERF = 5'd21;
    localparam [4:0] ACTIVATION_GELU = 5'd22;
    localparam [4:0] ACTIVATION_SWISH = 5'd23;
    localparam [4:0] ACTIVATION_MISH = 5'd24;
    localparam [4:0] ACTIVATION_SHRINK = 5'd25;
    localparam [4:0] ACTIVATION_SINE = 5'd26;
    localparam [4:0] ACTIVATION_SIGN = 5'd27;
    localparam [4:0] ACTIVATION_FLOOR = 5'd28;
    localparam [4:0] ACTIVATION_CEIL = 5'd29;
    localparam [4:0] ACTIVATION_ROUND = 5'd30;
    localparam [4:0] ACTIVATION_REQUANTISE = 5'd31;

    // BiasFormat
    localparam [1:0] BIAS_NONE = 2'd0;
    localparam [1:0] BIAS_FLOAT16 = 2'd1;
    localparam [1:0] BIAS_FLOAT32 = 2'd2;

    // ExtensionKind
    localparam [3:0] EXTENSION_STATES = 4'd1;
    localparam [3:0] EXTENSION_FIRING = 4'd2;
    localparam [3:0] EXTENSION_INITIAL = 4'd3;
    localparam [3:0] EXTENSION_SCALE = 4'd4;
    localparam [3:0] EXTENSION_PARAMETER = 4'd5;
    localparam [3:0] EXTENSION_PARAMETERS = 4'd6;
    localparam [3:0] EXTENSION_CHANGES = 4'd7;
    localparam [3:0] EXTENSION_SCALES = 4'd8;
    localparam [3:0] EXTENSION_FUNCTION = 4'd9;

    // WeightCode
    localparam [2:0] WEIGHT_NULL = 3'd0;
    localparam [2:0] WEIGHT_FLOAT32 = 3'd1;
    localparam [2:0] WEIGHT_FLOAT16 = 3'd2;
    localparam [2:0] WEIGHT_FIXED8 = 3'd3;
    localparam [2:0] WEIGHT_FIXED = 3'd4;
    localparam [2:0] WEIGHT_ADAPTIVE = 3'd5;
    localparam [2:0] WEIGHT_SIGN = 3'd6;

    // Order
    localparam [1:0] ORDER_RESET = 2'd0;
    localparam [1:0] ORDER_FIRE = 2'd1;

endpackage
