"""
Who hears whom in large networks: compressed sparse rows of transmitters. `graph(offset, receiver)` is of your arrays, used
in place: the links whose receivers hear transmitter `i` are `receiver[offset[i] + 1 : offset[i + 1]]`, ascending, all
counted from 0. Also graph_of_matrix() and graph_of_positions().

A `SparseMatrixCSC` `h[receiver, transmitter]` has `offset = h.colptr .- 1` and `receiver = Int32.(h.rowval .- 1)`; its
`nzval` are the channels on the graph. Powers, rates and parameters of links are in your order of links, also where the rows
have another one: see order().
"""
struct Graph <: Resource
    handle::Handle
end

free_graph(pointer::Ptr{Cvoid}) = @ccall library.pa_graph_free(pointer::Ptr{Cvoid})::Cvoid

"Graph of your arrays, which stay as they are."
function graph(offset::Vector{Int64}, receiver::Vector{Int32})
    length(offset) > 1 || throw(ArgumentError("offset is empty"))
    offset[end] == length(receiver) || throw(ArgumentError("offset ends with $(offset[end]), there are $(length(receiver)) edges"))
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_graph_create(out::Ref{Ptr{Cvoid}}, (length(offset) - 1)::Csize_t, offset::Ptr{Int64},
                                         receiver::Ptr{Int32}, C_NULL::Ptr{Cvoid})::Int32)
    return Graph(owned(free_graph, out[]; offset, receiver))
end

"Where amplitudes `h[receiver, transmitter]` are at least `least`, and the direct channels; see pick()."
function graph_of_matrix(h::Matrix{Float64}, least::Real)
    n = size(h, 1)
    check_size(h, "h", n, n)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_graph_create_threshold(out::Ref{Ptr{Cvoid}}, n::Csize_t, h::Ptr{Cdouble}, least::Cdouble,
                                                   C_NULL::Ptr{Cvoid})::Int32)
    return Graph(owned(free_graph, out[]))
end

"Where a receiver is no further from a transmitter than the cut-off, and the direct channels; positions are `(2, links)`."
function graph_of_positions(transmitters::Matrix{Float64}, receivers::Matrix{Float64}, cutoff::Real)
    n = size(transmitters, 2)
    check_size(transmitters, "transmitters", 2, n)
    check_size(receivers, "receivers", 2, n)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_graph_create_positions(out::Ref{Ptr{Cvoid}}, n::Csize_t, transmitters::Ptr{Cdouble},
                                                   receivers::Ptr{Cdouble}, cutoff::Cdouble, C_NULL::Ptr{Cvoid})::Int32)
    return Graph(owned(free_graph, out[]))
end

"Links of a graph."
links(graph::Graph) = Int(@ccall library.pa_graph_links(graph::Ptr{Cvoid})::Csize_t)

edges(graph::Ptr{Cvoid}) = Int(@ccall library.pa_graph_edges(graph::Ptr{Cvoid})::Csize_t)

slots(graph::Ptr{Cvoid}) = Int(@ccall library.pa_graph_slots(graph::Ptr{Cvoid})::Csize_t)

"Numbers in a sample's channels on a graph, or of what stands on one: edges, and gaps if a network can change it."
slots(graph::Graph) = Int(@ccall library.pa_graph_slots(graph::Ptr{Cvoid})::Csize_t)

"Edges of a graph, or of what stands on one; 0 without one."
edges(graph::Graph) = Int(@ccall library.pa_graph_edges(graph::Ptr{Cvoid})::Csize_t)

"Where rows begin, from 0: a copy."
function offsets(graph::Graph)
    values = @ccall library.pa_graph_offset(graph::Ptr{Cvoid})::Ptr{Int64}
    return GC.@preserve graph copy(unsafe_wrap(Array, values, links(graph) + 1))
end

"Where rows end, from 0: a copy."
function ends(graph::Graph)
    values = @ccall library.pa_graph_end(graph::Ptr{Cvoid})::Ptr{Int64}
    return GC.@preserve graph copy(unsafe_wrap(Array, values, links(graph)))
end

"The column of each edge, from 0, -1 in gaps: a copy."
function receivers(graph::Graph)
    values = @ccall library.pa_graph_receiver(graph::Ptr{Cvoid})::Ptr{Int32}
    return GC.@preserve graph copy(unsafe_wrap(Array, values, slots(graph)))
end

"Your link of each row and column, from 0: a copy; `nothing` if they are the same."
function order(graph::Graph)
    values = @ccall library.pa_graph_order(graph::Ptr{Cvoid})::Ptr{Int32}
    return values == C_NULL ? nothing : GC.@preserve graph copy(unsafe_wrap(Array, values, links(graph)))
end

"The channels on the edges of a full matrix, and the power gains to each receiver that they leave out."
function pick(graph::Graph, h::Matrix{Float64})
    check_size(h, "h", links(graph), links(graph))
    value, left_out = zeros(slots(graph)), zeros(links(graph))
    check(@ccall library.pa_graph_pick(graph::Ptr{Cvoid}, h::Ptr{Cdouble}, value::Ptr{Cdouble},
                                       left_out::Ptr{Cdouble})::Int32)
    return value, left_out
end

"States on a graph: channels `h[edge, sample]` in place; keywords as of States(h)."
function States(h::Matrix{Float64}, graph::Graph; keys...)
    check_size(h, "h", slots(graph), size(h, 2))
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_states_create_sparse(out::Ref{Ptr{Cvoid}}, size(h, 2)::Csize_t, graph::Ptr{Cvoid},
                                                 h::Ptr{Cdouble}, 1.0::Cdouble, 1.0::Cdouble, C_NULL::Ptr{Cvoid})::Int32)
    return parameters!(States(owned(free_states, out[]; h, graph)); keys...)
end

function States(h::Matrix{Float32}, graph::Graph; keys...)
    check_size(h, "h", slots(graph), size(h, 2))
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_states_create_sparse_f32(out::Ref{Ptr{Cvoid}}, size(h, 2)::Csize_t, graph::Ptr{Cvoid},
                                                     h::Ptr{Cfloat}, 1.0::Cdouble, 1.0::Cdouble,
                                                     C_NULL::Ptr{Cvoid})::Int32)
    return parameters!(States(owned(free_states, out[]; h, graph)); keys...)
end

states_graph(states::States) = @ccall library.pa_states_graph(states::Ptr{Cvoid})::Ptr{Cvoid}

edges(states::States) = GC.@preserve states edges(states_graph(states))

slots(states::States) = GC.@preserve states slots(states_graph(states))

"True if the channels are on a graph."
is_sparse(states::States) = states_graph(states) != C_NULL

"Ad hoc network by the rule of the papers, as dense as one of `reference_links`, whose channels end at a distance."
function sparse_adhoc(links::Integer, reference_links::Integer, cutoff::Real; seed::Integer = 0, settings...)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_network_create_sparse_adhoc(out::Ref{Ptr{Cvoid}}, links::Csize_t, reference_links::Csize_t,
                                                        cutoff::Cdouble, seed::UInt64, C_NULL::Ptr{Cvoid})::Int32)
    return Network(out[]; settings...)
end

"Network of given positions `(2, links)` whose channels end at a distance; copied."
function sparse_network_of_positions(transmitters::Matrix{Float64}, receivers::Matrix{Float64}, cutoff::Real;
                                     min_distance::Real = 0, seed::Integer = 0, settings...)
    n = size(transmitters, 2)
    check_size(transmitters, "transmitters", 2, n)
    check_size(receivers, "receivers", 2, n)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_network_create_sparse_positions(out::Ref{Ptr{Cvoid}}, n::Csize_t,
                                                            transmitters::Ptr{Cdouble}, receivers::Ptr{Cdouble},
                                                            min_distance::Cdouble, cutoff::Cdouble, seed::UInt64,
                                                            C_NULL::Ptr{Cvoid})::Int32)
    return Network(out[]; settings...)
end

"Network of path gains on the edges of a graph: amplitudes, linear; copied."
function network_of_graph(graph::Graph, path_gain::Vector{Float64}; seed::Integer = 0, settings...)
    check_size(path_gain, "path_gain", edges(graph))
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_network_create_graph(out::Ref{Ptr{Cvoid}}, graph::Ptr{Cvoid}, path_gain::Ptr{Cdouble},
                                                 seed::UInt64, C_NULL::Ptr{Cvoid})::Int32)
    return Network(out[]; settings...)
end

"""
Of a sparse network with a cut-off: the interference in W, at full power, that it leaves out at each receiver, in the mean
and at most.
"""
function left_out(network::Network)
    mean, most = zeros(links(network)), zeros(links(network))
    check(@ccall library.pa_network_left_out(network::Ptr{Cvoid}, mean::Ptr{Cdouble}, most::Ptr{Cdouble})::Int32)
    return mean, most
end

network_graph(network::Network) = @ccall library.pa_network_graph(network::Ptr{Cvoid})::Ptr{Cvoid}

edges(network::Network) = GC.@preserve network edges(network_graph(network))

slots(network::Network) = GC.@preserve network slots(network_graph(network))

"True if the channels of a network are on a graph."
is_sparse(network::Network) = network_graph(network) != C_NULL

"""
States on the graph of a sparse network: channels `h[slot, sample]` in place, those of draw!() for example; keywords as of
States(h).
"""
function States(h::Matrix{Float64}, network::Network; keys...)
    check_size(h, "h", slots(network), size(h, 2))
    out = Ref{Ptr{Cvoid}}(C_NULL)
    GC.@preserve network check(@ccall library.pa_states_create_sparse(out::Ref{Ptr{Cvoid}}, size(h, 2)::Csize_t,
                                                                      network_graph(network)::Ptr{Cvoid},
                                                                      h::Ptr{Cdouble}, 1.0::Cdouble, 1.0::Cdouble,
                                                                      C_NULL::Ptr{Cvoid})::Int32)
    return parameters!(States(owned(free_states, out[]; h, network)); keys...)
end

"""
Room for links of a sparse network with a cut-off to join, leave and move: numbers for `most` links and slots for edges (0:
chosen). The network has a new graph then: make States on it. The changes take no memory.
"""
function reserve!(network::Network, most::Integer = links(network); slots::Integer = 0)
    check(@ccall library.pa_network_reserve(network::Ptr{Cvoid}, most::Csize_t, slots::Csize_t)::Int32)
    return network
end

"""
Links join at positions `(2, count)` both; returns their numbers, from 1. States must be bound to channels that were drawn
after this, and so it is with leave!() and move!().
"""
function join!(network::Network, transmitters::Matrix{Float64}, receivers::Matrix{Float64})
    count = size(transmitters, 2)
    check_size(transmitters, "transmitters", 2, count)
    check_size(receivers, "receivers", 2, count)
    numbers = zeros(Int64, count)
    check(@ccall library.pa_network_join(network::Ptr{Cvoid}, count::Csize_t, transmitters::Ptr{Cdouble},
                                         receivers::Ptr{Cdouble}, numbers::Ptr{Int64})::Int32)
    return numbers .+ 1
end

"Links, by their numbers from 1, leave: their power and rate are 0."
function leave!(network::Network, numbers::AbstractVector{<:Integer})
    indices = Int64[number - 1 for number in numbers]
    check(@ccall library.pa_network_leave(network::Ptr{Cvoid}, length(indices)::Csize_t, indices::Ptr{Int64})::Int32)
    return network
end

"Links, by their numbers from 1, move to positions `(2, count)`; `nothing`: where they were."
function move!(network::Network, numbers::AbstractVector{<:Integer};
               transmitters::Union{Matrix{Float64},Nothing} = nothing,
               receivers::Union{Matrix{Float64},Nothing} = nothing)
    indices = Int64[number - 1 for number in numbers]
    transmitters === nothing || check_size(transmitters, "transmitters", 2, length(indices))
    receivers === nothing || check_size(receivers, "receivers", 2, length(indices))
    from, to = something(transmitters, C_NULL), something(receivers, C_NULL)
    check(@ccall library.pa_network_move(network::Ptr{Cvoid}, length(indices)::Csize_t, indices::Ptr{Int64},
                                         from::Ptr{Cdouble}, to::Ptr{Cdouble})::Int32)
    return network
end

"Links that are there: all but for the numbers that are free."
present(network::Network) = Int(@ccall library.pa_network_present(network::Ptr{Cvoid})::Csize_t)

"Looks at other channels `h[slot, sample]` on the graph as it is now."
function bind!(states::States, h::Matrix{Float64})
    check_size(h, "h", slots(states), size(h, 2))
    check(@ccall library.pa_states_bind(states::Ptr{Cvoid}, size(h, 2)::Csize_t, h::Ptr{Cdouble})::Int32)
    return bound!(states, h)
end

function bind!(states::States, h::Matrix{Float32})
    check_size(h, "h", slots(states), size(h, 2))
    check(@ccall library.pa_states_bind_f32(states::Ptr{Cvoid}, size(h, 2)::Csize_t, h::Ptr{Cfloat})::Int32)
    return bound!(states, h)
end
