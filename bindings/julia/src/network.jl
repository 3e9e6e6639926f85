"""
A network or a family of them, made by adhoc(), family(), multicell(), network_of_path_gain(), network_of_positions() or
network_of_callback(). They all take `noise` and `power_limit` (W, one number or one for each link) and the keys of a
network, such as `density = 2`, as keyword arguments.
"""
struct Network <: Resource
    handle::Handle
end

free_network(pointer::Ptr{Cvoid}) = @ccall library.pa_network_free(pointer::Ptr{Cvoid})::Cvoid

function Network(pointer::Ptr{Cvoid}; noise = 1, power_limit = 1, draw = nothing, keys...)
    network = Network(owned(free_network, pointer; draw))
    set!(network; keys...)
    noise!(network, noise)
    power_limit!(network, power_limit)
    return network
end

"Ad hoc network by the rule of the papers."
function adhoc(links::Integer; seed::Integer = 0, settings...)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_network_create_adhoc(out::Ref{Ptr{Cvoid}}, links::Csize_t, seed::UInt64,
                                                 C_NULL::Ptr{Cvoid})::Int32)
    return Network(out[]; settings...)
end

"Family of ad hoc networks for robust training: `links` and `density` are ranges (lowest, highest)."
function family(links; density = (1, 1), seed::Integer = 0, settings...)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_network_create_adhoc_family(out::Ref{Ptr{Cvoid}}, first(links)::Csize_t,
                                                        last(links)::Csize_t, first(density)::Cdouble,
                                                        last(density)::Cdouble, seed::UInt64,
                                                        C_NULL::Ptr{Cvoid})::Int32)
    return Network(out[]; settings...)
end

"Multi-cell uplink: the users are spread evenly over base stations."
function multicell(cells::Integer, links::Integer; seed::Integer = 0, settings...)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_network_create_multicell(out::Ref{Ptr{Cvoid}}, cells::Csize_t, links::Csize_t, seed::UInt64,
                                                     C_NULL::Ptr{Cvoid})::Int32)
    return Network(out[]; settings...)
end

"Network of given path gains `gain[receiver, transmitter]`: amplitudes, linear; copied."
function network_of_path_gain(gain::Matrix{Float64}; seed::Integer = 0, settings...)
    links = size(gain, 1)
    check_size(gain, "gain", links, links)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_network_create_path_gain(out::Ref{Ptr{Cvoid}}, links::Csize_t, gain::Ptr{Cdouble},
                                                     seed::UInt64, C_NULL::Ptr{Cvoid})::Int32)
    return Network(out[]; settings...)
end

"""
Network of given positions of transmitters `(2, links)` and receivers `(2, receivers)`, in one unit of length; copied.
`receiver_of` has the index of each link's receiver, from 1. Distances below `min_distance` count as that.
"""
function network_of_positions(transmitters::Matrix{Float64}, receivers::Matrix{Float64};
                              receiver_of::AbstractVector{<:Integer} = axes(receivers, 2), min_distance::Real = 0,
                              seed::Integer = 0, settings...)
    links = size(transmitters, 2)
    check_size(transmitters, "transmitters", 2, links)
    check_size(receivers, "receivers", 2, size(receivers, 2))
    length(receiver_of) == links || throw(DimensionMismatch("receiver_of has $(length(receiver_of)) of $links links"))
    indices = Int64[index - 1 for index in receiver_of]
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_network_create_positions(out::Ref{Ptr{Cvoid}}, links::Csize_t, transmitters::Ptr{Cdouble},
                                                     size(receivers, 2)::Csize_t, receivers::Ptr{Cdouble},
                                                     indices::Ptr{Int64}, min_distance::Cdouble, seed::UInt64,
                                                     C_NULL::Ptr{Cvoid})::Int32)
    return Network(out[]; settings...)
end

"What network_of_callback() is called back with."
struct Drawing
    draw::Any
    links::Int
    features::Int
end

function state_fn(user::Ptr{Cvoid}, stream::UInt64, first::UInt64, batch::Csize_t, h::Ptr{Cdouble},
                  x::Ptr{Cdouble})::Int32
    return guarded(user) do d
        state = x == C_NULL ? nothing : unsafe_wrap(Array, x, (d.features, d.links, Int(batch)))
        d.draw(stream, first, unsafe_wrap(Array, h, (d.links, d.links, Int(batch))), state)
    end
end

"""
    network_of_callback(draw, links; features = 0)

Network whose states `draw(stream, first, h, x)` draws: it fills `h[receiver, transmitter, sample]` and, with features,
`x[feature, link, sample]` for the samples from number `first` (from 0) of a stream: 0 to train on, 1 to compare weights
on. Both are memory of the library: use them within the call only.
"""
function network_of_callback(draw, links::Integer; features::Integer = 0, settings...)
    callback = Callback(Drawing(draw, links, features))
    out = Ref{Ptr{Cvoid}}(C_NULL)
    code = @cfunction(state_fn, Int32, (Ptr{Cvoid}, UInt64, UInt64, Csize_t, Ptr{Cdouble}, Ptr{Cdouble}))
    check(@ccall library.pa_network_create_callback(out::Ref{Ptr{Cvoid}}, links::Csize_t, features::Csize_t,
                                                    code::Ptr{Cvoid}, user_pointer(callback)::Ptr{Cvoid},
                                                    C_NULL::Ptr{Cvoid}, C_NULL::Ptr{Cvoid})::Int32)
    return Network(out[]; draw = callback, settings...)
end

"Sets keys by name: `set!(network; density = 2)`."
function set!(network::Network; keys...)
    for (name, value) in keys
        number = key(:network, name)
        check(@ccall library.pa_network_set(network::Ptr{Cvoid}, number::Int32, value::Cdouble)::Int32)
    end
    return network
end

"Value of a key: `value(network, :density)`."
function value(network::Network, name::Symbol)
    found = Ref{Cdouble}()
    number = key(:network, name)
    check(@ccall library.pa_network_get(network::Ptr{Cvoid}, number::Int32, found::Ref{Cdouble})::Int32)
    return found[]
end

"Sets the noise power of the receivers in W: one number or one for each link."
function noise!(network::Network, watts)
    values = parameters(watts)
    check(@ccall library.pa_network_set_noise(network::Ptr{Cvoid}, values::Ptr{Cdouble},
                                              length(values)::Csize_t)::Int32)
    return network
end

"Sets the power limit of the transmitters in W: one number or one for each link."
function power_limit!(network::Network, watts)
    values = parameters(watts)
    check(@ccall library.pa_network_set_power_limit(network::Ptr{Cvoid}, values::Ptr{Cdouble},
                                                    length(values)::Csize_t)::Int32)
    return network
end

"Links of the network, the most of a family."
links(network::Network) = Int(@ccall library.pa_network_links(network::Ptr{Cvoid})::Csize_t)

"Features of a node's state."
features(network::Network) = Int(@ccall library.pa_network_features(network::Ptr{Cvoid})::Csize_t)

"Path gains `gain[receiver, transmitter]`: amplitudes, linear. Not of a family."
function path_gain(network::Network)
    gain = Array{Float64}(undef, channel_shape(network)...)
    check(@ccall library.pa_network_path_gain(network::Ptr{Cvoid}, gain::Ptr{Cdouble})::Int32)
    return gain
end

"Positions of the transmitters `(2, links)` and of the receiver of each link `(2, links)`."
function positions(network::Network)
    transmitters, receivers = (Matrix{Float64}(undef, 2, links(network)) for _ in 1:2)
    check(@ccall library.pa_network_positions(network::Ptr{Cvoid}, transmitters::Ptr{Cdouble},
                                              receivers::Ptr{Cdouble})::Int32)
    return transmitters, receivers
end

"Size of a sample's channels: `(links, links)`, or `(slots,)` on a graph."
channel_shape(network::Network) = is_sparse(network) ? (slots(network),) : (links(network), links(network))

"""
Draws channels into `h[receiver, transmitter, sample]`, or `h[slot, sample]` on a graph: the samples from number `first`
(from 0) of a stream.
"""
function draw!(h::Array{Float64}, network::Network; first::Integer = 0, stream::Integer = 0)
    batch = size(h, ndims(h))
    check_size(h, "h", channel_shape(network)..., batch)
    check(disable_sigint() do
        @ccall library.pa_network_draw(network::Ptr{Cvoid}, stream::UInt64, first::UInt64, batch::Csize_t,
                                       h::Ptr{Cdouble})::Int32
    end)
    return h
end

"Channels of a batch, as draw!() has them."
draw(network::Network, batch::Integer; numbers...) =
    draw!(Array{Float64}(undef, channel_shape(network)..., batch), network; numbers...)

"States that own their channels, with the network's noise and power limits."
function draw_states(network::Network, batch::Integer; first::Integer = 0, stream::Integer = 0)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(disable_sigint() do
        @ccall library.pa_network_draw_states(network::Ptr{Cvoid}, stream::UInt64, first::UInt64, batch::Csize_t,
                                              out::Ref{Ptr{Cvoid}}, C_NULL::Ptr{Cvoid})::Int32
    end)
    return States(owned(free_states, out[]))
end
