"""
    Pool(threads)

Threads for allocate() and pool!(). One call at a time may use a pool; results do not depend on it, nor on its number of
threads, in the last bit.
"""
struct Pool <: Resource
    handle::Handle
end

free_pool(pointer::Ptr{Cvoid}) = @ccall library.pa_pool_free(pointer::Ptr{Cvoid})::Cvoid

function Pool(threads::Integer)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_pool_create(out::Ref{Ptr{Cvoid}}, threads::Csize_t, C_NULL::Ptr{Cvoid})::Int32)
    return Pool(owned(free_pool, out[]))
end

"Threads of a pool."
threads(pool::Pool) = Int(@ccall library.pa_pool_threads(pool::Ptr{Cvoid})::Csize_t)

pool_pointer(::Nothing) = C_NULL
pool_pointer(pool::Pool) = pool.handle.pointer
