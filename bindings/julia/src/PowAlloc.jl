"""
Learned wireless power allocation: bindings of libpowalloc.

Powers and noise are in W, channels are linear amplitudes, rates in bit/s/Hz. Arrays of Float64 are passed without
copies. C is row-major and Julia column-major: what is `h[batch][links][links]` in C is an array of size
`(links, links, batch)` here, and `h[j, i, b]` is the channel from transmitter `i` to the receiver of link `j` in sample
`b`.
"""
module PowAlloc

using Libdl

export Network, States, Policy, UWMMSE, REGNN, MLP, IGCNet, Pool, Trainer, PowAllocError
export adhoc, family, multicell, network_of_path_gain, network_of_positions, network_of_callback, features
export path_gain, positions, draw, draw!, draw_states
export Graph, graph, graph_of_matrix, graph_of_positions, edges, slots, offsets, ends, receivers, order, pick, is_sparse
export sparse_adhoc, sparse_network_of_positions, network_of_graph, left_out
export reserve!, join!, leave!, move!, present
export bind!, noise!, power_limit!, weights!, node_state!, start!, first!
export mixed, parts, part_count, power_count, power_size, split_parts
export channels, noise, power_limit, weights, node_state, batch_size, links, rates, sinr
export load_policy, policy_of_callback, allocate, allocate!, certify, meet_budget!, output_count, probabilities
export load_uwmmse, load_regnn, load_mlp, load_igcnet, builtin_models, save, policy, weight_count
export model_weights, model_weights!, model_link_weights, gradient
export pool!, teacher!, reward!, utility!, constraint!, constraints, mean_rewards, link_weights, run!, request_stop, statistic, resume!
export set!, value

include("constants.jl")
include("library.jl")
include("units.jl")
include("states.jl")
include("network.jl")
include("graph.jl")
include("pool.jl")
include("policy.jl")
include("models.jl")
include("trainer.jl")

end
