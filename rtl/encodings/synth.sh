#!/bin/sh
# Cells of the controllers of the storage forms in a small library, their memory apart: `make synth`.
# 16 bits of an index and of a pointer, weights of 8, states of 16. Writes build/encodings.txt.
set -e
mkdir -p build
cells=build/encodings.txt
printf '%-12s %-9s %8s %12s\n' form weights cells flip-flops >$cells
for shared in 0 1; do
    for form in 0 1 2; do
        [ "$form$shared" = 21 ] && continue # its kernels are shared as they are
        yosys -q -p "
            read_verilog -sv rtl/encodings/field_stream.sv rtl/encodings/place_stream.sv
            read_verilog -sv rtl/encodings/index_walker.sv rtl/encodings/bitmap_walker.sv
            read_verilog -sv rtl/encodings/function_walker.sv rtl/encodings/synapse_unit.sv
            read_verilog -sv rtl/encodings/encoding_controller.sv
            chparam -set FORM $form -set SHARED $shared encoding_controller
            synth -flatten -top encoding_controller
            abc -g AND,NAND,OR,NOR,XOR,XNOR,MUX
            opt_clean
            tee -o build/stat.txt stat"
        awk -v form="$(echo index bitmap functional | cut -d' ' -f$((form + 1)))" \
            -v weights="$([ $shared = 1 ] && echo shared || echo own)" '
            /Number of cells/ { cells = $NF }
            /DFF/ { flops += $NF }
            END { printf "%-12s %-9s %8d %12d\n", form, weights, cells, flops }' build/stat.txt >>$cells
    done
done
rm build/stat.txt
cat $cells
